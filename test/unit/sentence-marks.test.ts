import { expect, test } from 'vitest';
import { endsSentence } from '../../src/text/sentence-marks.js';

test('sentences end in scripts without spaces as well, whatever closes behind the mark', () => {
  for (const text of [
    '天气好。',
    '好！',
    '好吗？',
    '好．',
    '……',
    '他说：「好。」',
    '『好！』',
    '（好。）',
    '【好。】',
  ])
    expect(endsSentence(text), text).toBe(true);
  for (const text of ['天气', '好，', '好、', '好：', '好；', '「好」', '。好'])
    expect(endsSentence(text), text).toBe(false);
});
