import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import t from 'tap';
import { isVolumePath, readImage, readMask, sniffFormat } from '../../lib/image/index.js';

const FIXTURES = join(import.meta.dirname, '../fixtures/images');

interface Expected {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly type: string;
  readonly tolerance: number;
  readonly image: number[];
  readonly labels: number[] | null;
}

const pictures = JSON.parse(await readFile(join(FIXTURES, 'pictures.json'), 'utf8')) as Record<
  string,
  Expected
>;
t.ok(Object.keys(pictures).length > 30, 'the fixtures are there');

for (const [name, want] of Object.entries(pictures)) {
  t.test(`${name}: the values that Pillow and tifffile wrote`, async (t) => {
    const path = join(FIXTURES, name);
    const image = await readImage(path);
    t.match(image, { width: want.width, height: want.height, channels: want.channels });
    t.equal(image.data.constructor.name, want.type);
    t.equal(image.data.length, want.image.length);
    const worst = Math.max(...want.image.map((value, i) => Math.abs(value - image.data[i]!)));
    t.ok(worst <= want.tolerance, `furthest value is ${worst} away`);
    t.equal(await isVolumePath(path), false);
    if (want.labels === null) {
      await t.rejects(readMask(path), { name: 'GmisegError', code: 'ERR_IMAGE_FORMAT' });
      return;
    }
    const mask = await readMask(path);
    t.match(mask, { width: want.width, height: want.height });
    t.same(Array.from(mask.data), want.labels, 'labels are exact');
  });
}

t.test('16-bit label images stay 16-bit', async (t) => {
  t.ok((await readMask(join(FIXTURES, 'grey16.png'))).data instanceof Uint16Array);
  t.ok((await readMask(join(FIXTURES, 'grey8.png'))).data instanceof Uint8Array);
});

t.test('PNM by hand', async (t) => {
  const dir = t.testdir();
  const write = async (name: string, ...parts: (string | number[])[]): Promise<string> => {
    const path = join(dir, name);
    await writeFile(
      path,
      Buffer.concat(parts.map((p) => (typeof p === 'string' ? Buffer.from(p, 'latin1') : Buffer.from(p)))),
    );
    return path;
  };
  const read = async (path: string) => {
    const { data, width, height, channels } = await readImage(path);
    return { data: Array.from(data), width, height, channels };
  };
  t.same(await read(await write('p2.pgm', 'P2 # plain\n# more\n2 2\n255\n0 10\n200 # mid\n255\n')), {
    data: [0, 10, 200, 255],
    width: 2,
    height: 2,
    channels: 1,
  });
  t.same((await read(await write('p3.ppm', 'P3\n1 2\n255\n1 2 3 4 5 6'))).data, [1, 2, 3, 4, 5, 6]);
  t.same(
    (await read(await write('p5.pgm', 'P5\n#c\n3 1 255\n', [10, 32, 255]))).data,
    [10, 32, 255],
    'samples may look like space',
  );
  t.same(await read(await write('p6.ppm', 'P6\r\n1 1\r255\n', [9, 10, 11])), {
    data: [9, 10, 11],
    width: 1,
    height: 1,
    channels: 3,
  });
  const wide = await write('wide.pgm', 'P5 2 1 65535\n', [1, 2, 0xff, 0xfe]);
  t.same((await read(wide)).data, [0x0102, 0xfffe], '16 bits are big-endian');
  t.ok((await readImage(wide)).data instanceof Uint16Array);
  t.same(
    (await read(await write('p6wide.ppm', 'P6 1 1 4095\n', [0, 1, 1, 0, 15, 255]))).data,
    [1, 256, 4095],
    '12 bits keep their values',
  );
  const four = await write('four.pgm', 'P5 4 1 3\n', [0, 1, 2, 3]);
  t.same((await read(four)).data, [0, 85, 170, 255], 'a small maximum is spread over 0-255');
  t.same(Array.from((await readMask(four)).data), [0, 1, 2, 3], 'but not for labels');
  t.same(
    (await read(await write('p1.pbm', 'P1\n3 2\n101\n0 1 0'))).data,
    [0, 255, 0, 255, 0, 255],
    '1 is black',
  );
  const p4 = await write('p4.pbm', 'P4\n10 2\n', [0b10000000, 0b01000000, 0b00000001, 0b10000000]);
  t.same(Array.from((await readMask(p4)).data), [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0]);
  const zipped = join(dir, 'im0001.ppm.gz');
  await writeFile(zipped, gzipSync(await readFile(join(dir, 'p6.ppm'))));
  t.same((await read(zipped)).data, [9, 10, 11], 'gzip is looked through');
  t.equal(await sniffFormat(zipped), 'pnm');
  for (const [name, ...parts] of [
    ['short.pgm', 'P5 3 3 255\n', [1, 2]],
    ['shortplain.pgm', 'P2 2 2 255 1 2 3'],
    ['above.pgm', 'P2 1 1 10 11'],
    ['max.pgm', 'P5 1 1 70000\n', [0, 0]],
    ['zero.pgm', 'P5 0 1 255\n', [0]],
    ['huge.pgm', 'P5 999999 999999 255\n', [0]],
    ['text.pgm', 'P2 a b 255'],
  ] as [string, ...(string | number[])[]][]) {
    await t.rejects(
      readImage(await write(name, ...parts)),
      { code: 'ERR_IMAGE_FORMAT', message: new RegExp(name) },
      name,
    );
  }
});

t.test('TIFF of 2 and 4 bits, JPEG-coded TIFF', async (t) => {
  const dir = t.testdir();
  const data = Buffer.from([0, 85, 170, 255, 255, 170, 85, 0]);
  for (const bitdepth of [2, 4] as const) {
    const path = join(dir, `bits${bitdepth}.tif`);
    await sharp(data, { raw: { width: 4, height: 2, channels: 1 } })
      .toColourspace('b-w')
      .tiff({ bitdepth, compression: 'none' })
      .toFile(path);
    t.same(Array.from((await readImage(path)).data), [...data], `${bitdepth} bits are spread`);
    const step = bitdepth === 2 ? 85 : 17;
    t.same(
      Array.from((await readMask(path)).data),
      [...data].map((v) => v / step),
      'labels are as stored',
    );
  }
  const path = join(dir, 'jpeg.tif');
  const flat = Buffer.alloc(16 * 16 * 3).fill(Buffer.from([200, 100, 50]));
  await sharp(flat, { raw: { width: 16, height: 16, channels: 3 } })
    .tiff({ compression: 'jpeg', quality: 95 })
    .toFile(path);
  const image = await readImage(path);
  t.ok(
    [...image.data].every((v, i) => Math.abs(v - flat[i]!) <= 4),
    'YCbCr becomes RGB',
  );
});

t.test('several pages', async (t) => {
  const path = join(FIXTURES, 'pages.tif');
  await t.rejects(readImage(path), { code: 'ERR_IMAGE_FORMAT', message: /2 pages.*\{ page: 0 \}/ });
  const first = await readImage(path, { page: 0 });
  const second = await readImage(path, { page: 1 });
  t.same(
    Array.from(second.data),
    Array.from(first.data, (v) => 255 - v),
  );
  await t.rejects(readImage(path, { page: 2 }), { code: 'ERR_INVALID_ARG' });
});

t.test('what is no readable picture says so, with a remedy', async (t) => {
  const dir = t.testdir({
    'empty.png': '',
    'lfs.png': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n',
    'text.png': 'hello, this is not a picture at all',
    'a.nrrd': 'NRRD0004\ntype: short\n',
    folder: {},
  });
  const at = (name: string) => join(dir, name);
  await t.rejects(readImage(at('none.png')), { code: 'ERR_IMAGE_NOT_FOUND', message: /none\.png/ });
  await t.rejects(readImage(at('folder')), { code: 'ERR_IMAGE_FORMAT', message: /is a directory/ });
  await t.rejects(readImage(at('empty.png')), { code: 'ERR_IMAGE_FORMAT', message: /is empty/ });
  await t.rejects(readImage(at('lfs.png')), { code: 'ERR_IMAGE_FORMAT', message: /git lfs pull/ });
  await t.rejects(readImage(at('text.png')), { code: 'ERR_IMAGE_FORMAT', message: /no format known/ });
  await t.rejects(readImage(at('a.nrrd')), { code: 'ERR_IMAGE_FORMAT', message: /read it with readVolume/ });
  await t.rejects(readImage(join(FIXTURES, 'uint8-le.nii')), {
    code: 'ERR_IMAGE_FORMAT',
    message: /readVolume/,
  });
  await t.rejects(readImage(''), { code: 'ERR_INVALID_ARG' });
  t.equal(
    await isVolumePath(at('a.nrrd')),
    true,
    'the CLI sends it to the volume reader, which names the remedy',
  );
  await t.rejects(sniffFormat(at('none.png')), { code: 'ERR_IMAGE_NOT_FOUND' });
});

t.test('a picture cut short or damaged is refused in every format', async (t) => {
  const dir = t.testdir();
  for (const name of [
    'rgb8.png',
    'soft.jpg',
    'rgb8.bmp',
    'palette8.bmp',
    'mask.gif',
    'lzw-rgb8.tif',
    'grey16-be.tif',
    'fax4.tif',
  ]) {
    const bytes = await readFile(join(FIXTURES, name));
    const path = join(dir, name);
    // TIFF keeps its directory at either end, so cut in the middle of what there is.
    await writeFile(path, bytes.subarray(0, Math.floor(bytes.length * 0.6)));
    await t.rejects(readImage(path), { name: 'GmisegError', code: 'ERR_IMAGE_FORMAT' }, name);
  }
  const bytes = Buffer.from(await readFile(join(FIXTURES, 'grey8.png')));
  bytes[bytes.length - 30]! ^= 0xff;
  await writeFile(join(dir, 'flipped.png'), bytes);
  await t.rejects(
    readImage(join(dir, 'flipped.png')),
    { code: 'ERR_IMAGE_FORMAT' },
    'a flipped bit in a PNG',
  );
  await writeFile(join(dir, 'cut.ppm.gz'), gzipSync(Buffer.alloc(4096)).subarray(0, 20));
  await t.rejects(readImage(join(dir, 'cut.ppm.gz')), { code: 'ERR_IMAGE_FORMAT' });
});

t.test('the content decides, not the name', async (t) => {
  const dir = t.testdir();
  const path = join(dir, 'scan.nii.gz');
  await writeFile(path, await readFile(join(FIXTURES, 'grey8.png')));
  t.equal(await isVolumePath(path), false);
  t.same(Array.from((await readImage(path)).data), pictures['grey8.png']!.image);
  const volume = join(dir, 'photo.png');
  await writeFile(volume, await readFile(join(FIXTURES, 'four.nii.gz')));
  t.equal(await isVolumePath(volume), true);
});

t.test('colour masks and lossy masks are refused with the reason', async (t) => {
  await t.rejects(readMask(join(FIXTURES, 'rgb8.png')), { message: /colour picture.*palette/ });
  await t.rejects(readMask(join(FIXTURES, 'soft-grey.jpg')), { message: /JPEG.*PNG/ });
  await t.rejects(readMask(join(FIXTURES, 'float32-le.tif')), { message: /whole numbers/ });
});

t.test('a directory in the place of a volume tells where the file is', async (t) => {
  const dir = t.testdir();
  await mkdir(join(dir, 'x.nii'));
  await writeFile(join(dir, 'x.nii', 'real.nii'), 'x');
  await t.rejects(isVolumePath(join(dir, 'x.nii')), {
    code: 'ERR_IMAGE_FORMAT',
    message: /x\.nii\/real\.nii/,
  });
});

t.test('TIFF directories that would keep a decoder busy for ever are refused', async (t) => {
  const raw = await readFile(join(FIXTURES, 'grey16-le.tif'));
  const dir = t.testdir();
  const first = raw.readUInt32LE(4);
  const count = raw.readUInt16LE(first);
  const entry = (tag: number): number => {
    for (let i = 0; i < count; i++)
      if (raw.readUInt16LE(first + 2 + 12 * i) === tag) return first + 2 + 12 * i;
    throw new Error(`the fixture lacks tag ${tag}`);
  };
  const cases: [string, (bytes: Buffer) => void][] = [
    ['rows per strip as a tiny fraction', (b) => void b.writeUInt16LE(12, entry(278) + 2)],
    ['no rows per strip', (b) => void b.writeUInt32LE(0, entry(278) + 8)],
    ['pages in a circle', (b) => void b.writeUInt32LE(first, first + 2 + 12 * count)],
    ['a page behind the end', (b) => void b.writeUInt32LE(b.length + 10, first + 2 + 12 * count)],
    ['a tag longer than the file', (b) => void b.writeUInt32LE(2 ** 30, entry(258) + 4)],
    ['a strip behind the end', (b) => void b.writeUInt32LE(b.length, entry(273) + 8)],
    ['four billion columns', (b) => void b.writeUInt32LE(2 ** 32 - 1, entry(256) + 8)],
  ];
  for (const [name, change] of cases) {
    const bytes = Buffer.from(raw);
    change(bytes);
    const path = join(dir, 'damaged.tif');
    await writeFile(path, bytes);
    await t.rejects(readImage(path), { name: 'GmisegError', code: 'ERR_IMAGE_FORMAT' }, name);
  }
});
