import { expect, test } from 'vitest';
import { objection } from '../../release.mjs';

const changelog = '# Changelog\n\n## 1.2.0 (2026-11-21)\n\n- Reads.\n\n## 1.1.0\n\n- Begins.\n';

test('a version that the CHANGELOG tells of may be released', () => {
  expect(objection('1.2.0', changelog, ['v1.1.0'])).toBeUndefined();
});

test.each([
  ['1.2.0', changelog, ['v1.2.0'], /released already/],
  ['1.3.0', changelog, [], /CHANGELOG begins with '## 1\.2\.0/],
  ['1.2', changelog, [], /is no version/],
  ['1.2.0', changelog.replace('## 1.2.0 (2026-11-21)', '## Unreleased'), [], /call it '## 1\.2\.0'/],
  ['1.2.0', changelog.replace('- Reads.\n', ''), [], /says nothing/],
  ['1.2.0', changelog.replace('1.2.0', '1.2.01'), [], /CHANGELOG begins/],
])('%s is refused where something is missing', (version, text, tags, why) => {
  expect(objection(version, text, tags)).toMatch(why);
});
