/** What takes files apart for the shelf: what it finds in them, and what hostile ones cannot do. */
import { describe, expect, test } from 'vitest';
import { limits } from '../../examples/pwa/parsers/limits.js';
import { epub, zip } from '../support/book-files.js';

// By their addresses alone: whoever has not installed what they need can compile everything else.
const parser = (name: string) =>
  import(/* @vite-ignore */ new URL(`../../examples/pwa/parsers/${name}.js`, import.meta.url).href);
const MOST = 100_000;
const read = async (kind: string, bytes: string | Uint8Array, most = MOST) =>
  (await parser(kind)).read(new Uint8Array(Buffer.from(bytes as string)), {
    most,
    onProgress: () => undefined,
  });
const html = async (text: string): Promise<string> => (await read('html', text)).text;

test('a file is what its first bytes say, and then what its name says', async () => {
  const { kindOf } = await parser('kind-of');
  for (const [name, head, kind] of [
    ['a.txt', '%PDF-1.7', 'pdf'],
    ['a.pdf', 'no pdf', undefined],
    ['a.epub', 'PK\x03\x04', 'epub'],
    ['a.docx', 'PK\x03\x04', undefined],
    ['a', ' \n<!DOCTYPE html><p>', 'html'],
    ['a.md', '# a', 'markdown'],
    ['a.log', 'text', 'text'],
  ]) {
    expect(kindOf(name, Buffer.from(head!)), name).toBe(kind);
  }
});

describe('html', () => {
  test('is paragraphs, lines and words, without what is not text', async () => {
    const page =
      '<!doctype html><title> A  page </title><script>let a = "<p>no</p>";</script><style>p{}</style><nav>Menu</nav><h1>One &amp; two</h1><p>First\n line<br>second <b>bold</b>.</p><ul><li>a<li>b</ul><p hidden>no</p><pre>x\n  y</pre><table><tr><td>1<td>2</table><noscript>no</noscript>';
    expect(await read('html', page)).toMatchObject({
      title: 'A page',
      text: 'One & two\n\nFirst line\nsecond bold.\n\n- a\n- b\n\nx\n  y\n\n1  2',
      share: 1,
    });
  });

  test('may be as deep, as broken or as long as it likes', async () => {
    const deep = 200_000;
    expect(await html(`${'<div>'.repeat(deep)}in${'</div>'.repeat(deep)}`)).toBe('in');
    expect(await html(`${'</p>'.repeat(deep)}<p>in<script>${'<script>'.repeat(99)}`)).toBe('in');
    const { text, share } = await read('html', `<p>${'word '.repeat(1e6)}`, 1000);
    expect(text.length).toBeLessThan(100_000);
    expect(share).toBeLessThan(0.1);
  });

  test('is decoded as it says', async () => {
    const page = Buffer.concat([Buffer.from('<meta charset="windows-1251"><p>'), Buffer.from([0xcf, 0xf0])]);
    expect((await read('html', page)).text).toBe('Пр');
    expect(await html('<meta charset="nonsense"><p>plain')).toBe('plain');
  });
});

test('markdown loses its marks, and its HTML is text of a page', async () => {
  const text =
    '---\ntitle: "From the front"\n---\n# Head\n\nA [link](http://x.test) and *more*.\n\n<script>no</script>\n\n- a\n- b';
  expect(await read('markdown', text)).toMatchObject({
    title: 'From the front',
    text: 'Head\n\nA link and more.\n\n- a\n- b',
  });
  expect((await read('markdown', '# Its *head*\n\nBody')).title).toBe('Its head');
});

describe('epub', () => {
  test('is its chapters in the order of the spine', async () => {
    const found = await read('epub', epub('Tom &amp; Ann', ['<p>one</p>', '<p>two</p>', '<p>three</p>']));
    expect(found).toMatchObject({ title: 'Tom & Ann, A. Writer', text: 'one\n\ntwo\n\nthree', share: 1 });
  });

  test('that unpacks without end is refused, also where its table lies', async () => {
    const much = `<p>${'x'.repeat(limits.partBytes)}</p>`;
    await expect(read('epub', epub('Bomb', [much]))).rejects.toMatchObject({ code: 'large' });
    const lying = await read('epub', epub('Bomb', ['x'.repeat(1e6)], { unpacked: 1000 })).then(
      ({ text }) => text.length,
      ({ code }) => code,
    );
    expect([0, 'damaged', lying <= 1000 && lying]).toContain(lying);
    const entries = Array.from({ length: limits.parts + 1 }, (_, n) => ({
      name: `${n}`,
      bytes: Buffer.alloc(0),
    }));
    await expect(read('epub', zip(entries))).rejects.toMatchObject({ code: 'large' });
  });

  test('that is locked, cut, empty or leads out of itself is refused', async () => {
    const sealed =
      '<encryption><EncryptedData><CipherReference URI="OEBPS/text/ch%200.xhtml"/></EncryptedData></encryption>';
    const more = [{ name: 'META-INF/encryption.xml', bytes: Buffer.from(sealed) }];
    await expect(read('epub', epub('x', ['<p>a</p>'], { more }))).rejects.toMatchObject({ code: 'locked' });
    const whole = epub('x', ['<p>a</p>']);
    await expect(read('epub', whole.subarray(0, whole.length - 30))).rejects.toMatchObject({
      code: 'damaged',
    });
    await expect(read('epub', zip([]))).rejects.toMatchObject({ code: 'damaged' });
    const out = '<container><rootfiles><rootfile full-path="../../etc/passwd"/></rootfiles></container>';
    const leading = zip([{ name: 'META-INF/container.xml', bytes: Buffer.from(out) }]);
    await expect(read('epub', leading)).rejects.toMatchObject({ code: 'damaged' });
  });

  test('declares entities in vain', async () => {
    const laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>';
    const { text } = await read('epub', epub('x', [`${laughs}<p>&b; in</p>`]));
    expect(text).toContain('in');
    expect(text).not.toContain('haha');
  });
});

test('a page of a PDF is lines joined to paragraphs, words that were parted too, without its number', async () => {
  const { pageText } = await parser('page-text');
  const line = (str: string, y: number) => ({
    str,
    transform: [11, 0, 0, 11, 72, y],
    height: 11,
    hasEOL: true,
  });
  const lines = ['It was a remark-', 'able (and quiet) morning', 'in Baker Street.'].map((str, n) =>
    line(str, 700 - 14 * n),
  );
  const marks = [{ type: 'beginMarkedContent' }];
  expect(pageText([...marks, ...lines, line('The end.', 640), line('12', 40)])).toBe(
    'It was a remarkable (and quiet) morning in Baker Street.\n\nThe end.',
  );
  expect(pageText([])).toBe('');
});
