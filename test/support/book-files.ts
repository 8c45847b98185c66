/** Small files of the kinds that a shelf of books holds. */
import { crc32, deflateRawSync } from 'node:zlib';

/** A ZIP archive. `unpacked` may say another size than the truth, for hostile ones. */
export const zip = (entries: readonly { name: string; bytes: Buffer; unpacked?: number }[]): Buffer => {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { name, bytes, unpacked = bytes.length } of entries) {
    const packed = deflateRawSync(bytes);
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(8, 4);
    head.writeUInt32LE(crc32(bytes) >>> 0, 10);
    head.writeUInt32LE(packed.length, 14);
    head.writeUInt32LE(unpacked, 18);
    head.writeUInt16LE(name.length, 22);
    const entry = Buffer.concat([Buffer.from('PK\x03\x04'), head, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), head, tail, Buffer.from(name)]));
    local.push(entry);
    at += entry.length;
  }
  const table = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(table.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...local, table, end]);
};

const xhtml = (body: string): Buffer =>
  Buffer.from(
    `<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body>${body}</body></html>`,
  );

/** An EPUB of chapters of XHTML, in the order of its spine, which is not that of its entries. */
export const epub = (
  title: string,
  chapters: readonly string[],
  { more = [], unpacked }: { more?: { name: string; bytes: Buffer }[]; unpacked?: number } = {},
): Buffer => {
  const names = chapters.map((_, n) => `text/ch%20${n}.xhtml`);
  const opf = `<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>${title}</dc:title><dc:creator>A. Writer</dc:creator></metadata>
    <manifest>${names.map((name, n) => `<item id="c${n}" href="${name}" media-type="application/xhtml+xml"/>`).join('')}</manifest>
    <spine>${names.map((_, n) => `<itemref idref="c${n}"/>`).join('')}</spine></package>`;
  const container =
    '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>';
  return zip([
    { name: 'mimetype', bytes: Buffer.from('application/epub+zip') },
    ...chapters
      .map((body, n) => ({
        name: `OEBPS/text/ch ${n}.xhtml`,
        bytes: xhtml(body),
        ...(unpacked !== undefined && { unpacked }),
      }))
      .reverse(),
    { name: 'META-INF/container.xml', bytes: Buffer.from(container) },
    { name: 'OEBPS/book.opf', bytes: Buffer.from(opf) },
    ...more,
  ]);
};

/** A PDF with a page for each list of lines; or with the page's commands as they are. */
export const pdf = (pages: readonly (readonly string[] | Buffer)[], { packed = false } = {}): Buffer => {
  const objects: Buffer[] = [];
  const text = (line: string): string => line.replace(/[\\()]/g, '\\$&');
  const count = pages.length;
  objects.push(Buffer.from('<< /Type /Catalog /Pages 2 0 R >>'));
  const kids = pages.map((_, n) => `${4 + 2 * n} 0 R`).join(' ');
  objects.push(Buffer.from(`<< /Type /Pages /Count ${count} /Kids [${kids}] >>`));
  objects.push(Buffer.from('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>'));
  pages.forEach((page, n) => {
    objects.push(
      Buffer.from(
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents ${5 + 2 * n} 0 R /Resources << /Font << /F1 3 0 R >> >> >>`,
      ),
    );
    const commands = Buffer.isBuffer(page)
      ? page
      : Buffer.from(
          `BT /F1 11 Tf 72 740 Td 14 TL ${page.map((line) => `(${text(line)}) Tj T*`).join(' ')} ET`,
        );
    const filter = packed ? ' /Filter /FlateDecode' : '';
    objects.push(
      Buffer.concat([
        Buffer.from(`<< /Length ${commands.length}${filter} >>\nstream\n`),
        commands,
        Buffer.from('\nendstream'),
      ]),
    );
  });
  const parts = [Buffer.from('%PDF-1.4\n')];
  const offsets: number[] = [];
  let at = parts[0]!.length;
  objects.forEach((object, n) => {
    const part = Buffer.concat([Buffer.from(`${n + 1} 0 obj\n`), object, Buffer.from('\nendobj\n')]);
    offsets.push(at);
    at += part.length;
    parts.push(part);
  });
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const size = objects.length + 1;
  parts.push(
    Buffer.from(
      `xref\n0 ${size}\n0000000000 65535 f \n${rows}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${at}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(parts);
};
