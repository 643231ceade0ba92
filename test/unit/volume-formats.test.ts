import { readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { isVolumePath, readImage, readLabelVolume, readVolume, writeMask } from '../../lib/image/index.js';
import { optionalModule } from '../../lib/image/optional-module.js';
import { wasmJob } from '../../lib/image/wasm-job.js';
import { dicomValue, writeDicomSeries } from '../helpers/dicom-files.js';

/** Written by hand, so that the reader meets bytes that no library of ours made. */
function nrrd(encoding = 'raw'): Buffer {
  const head = [
    'NRRD0004',
    'type: short',
    'dimension: 3',
    'space: left-posterior-superior',
    'sizes: 4 3 2',
    'space directions: (0,0.5,0) (-0.6,0,0) (0,0,5)',
    'kinds: domain domain domain',
    'endian: little',
    `encoding: ${encoding}`,
    'space origin: (10,20,30)',
  ];
  return Buffer.concat([
    Buffer.from(`${head.join('\n')}\n\n`),
    Buffer.from(Int16Array.from({ length: 24 }, (_, i) => i - 5).buffer),
  ]);
}

const NRRD_AFFINE = [0, 0.6, 0, -10, -0.5, 0, 0, -20, 0, 0, 5, 30, 0, 0, 0, 1];

const close = (a: readonly number[], b: readonly number[]): boolean =>
  a.every((value, i) => Math.abs(value - b[i]!) < 1e-9);

t.test('NRRD and MetaImage: grid and voxels', async (t) => {
  const root = t.testdir({
    'scan.nrrd': nrrd(),
    'wrong-name.nii.gz': nrrd(),
    'packed.nrrd': gzipSync(nrrd()),
  });
  const volume = await readVolume(join(root, 'scan.nrrd'));
  t.equal(await isVolumePath(join(root, 'scan.nrrd')), true);
  t.match(volume, { shape: [4, 3, 2], frames: 1, source: { format: 'nrrd' } });
  t.same(
    [...volume.data],
    Array.from({ length: 24 }, (_, i) => i - 5),
  );
  t.ok(close(volume.affine, NRRD_AFFINE), volume.affine.join());
  await t.rejects(readImage(join(root, 'scan.nrrd')), {
    code: 'ERR_IMAGE_FORMAT',
    message: /read it with readVolume/,
  });

  await t.rejects(readVolume(join(root, 'wrong-name.nii.gz')), {
    code: 'ERR_IMAGE_FORMAT',
    message: /wrong-name\.nii\.gz is a NRRD file by its content; rename it to end in \.nrrd/,
  });
  await t.rejects(readVolume(join(root, 'packed.nrrd')), { code: 'ERR_IMAGE_FORMAT', message: /gunzip/ });

  await writeFile(join(root, 'pair.raw'), new Uint8Array([1, 2, 3, 4, 5, 6]));
  const mhd = 'ObjectType = Image\nNDims = 3\nDimSize = 3 2 1\nElementSpacing = 1 2 3\nOffset = 4 5 6\n';
  await writeFile(join(root, 'pair.mhd'), `${mhd}ElementType = MET_UCHAR\nElementDataFile = pair.raw\n`);
  const pair = await readVolume(join(root, 'pair.mhd'));
  t.match(pair, { shape: [3, 2, 1], spacing: [1, 2, 3], source: { format: 'metaimage' } });
  t.same([...pair.data], [1, 2, 3, 4, 5, 6]);
  t.same(pair.affine, [-1, 0, 0, -4, 0, -2, 0, -5, 0, 0, 3, 6, 0, 0, 0, 1]);
  await writeFile(join(root, 'lost.mhd'), `${mhd}ElementType = MET_UCHAR\nElementDataFile = lost.raw\n`);
  await t.rejects(readVolume(join(root, 'lost.mhd')), { code: 'ERR_IMAGE_FORMAT', message: /lost\.mhd/ });

  await writeFile(join(root, 'short.nrrd'), nrrd().subarray(0, -20));
  await t.rejects(readVolume(join(root, 'short.nrrd')), { code: 'ERR_IMAGE_FORMAT', message: /short\.nrrd/ });
});

t.test('masks go out as NRRD, MHA and NIfTI on the same grid', async (t) => {
  const root = t.testdir({ 'scan.nrrd': nrrd() });
  const like = await readVolume(join(root, 'scan.nrrd'));
  const data = Uint8Array.from({ length: 24 }, (_, i) => i % 3);
  for (const name of ['mask.nrrd', 'mask.mha', 'mask.nii.gz']) {
    await writeMask(join(root, name), { data, shape: like.shape }, { like });
    const back = await readLabelVolume(join(root, name));
    t.same([...back.data], [...data], name);
    // NIfTI-1 holds an affine in single precision.
    const tolerance = name.endsWith('.gz') ? 1e-6 : 1e-12;
    t.ok(
      back.affine.every((value, i) => Math.abs(value - like.affine[i]!) <= tolerance),
      `${name}: ${back.affine.join()}`,
    );
  }
  t.same((await readdir(root)).sort(), ['mask.mha', 'mask.nii.gz', 'mask.nrrd', 'scan.nrrd']);
  await t.rejects(writeMask(join(root, 'mask.dcm'), { data, shape: like.shape }, { like }), {
    code: 'ERR_INVALID_ARG',
    message: /not read from one/,
  });
  await t.rejects(writeMask(join(root, 'no/mask.mha'), { data, shape: like.shape }, { like }), {
    code: 'ERR_IO',
    message: /directory/,
  });
  await t.rejects(writeMask(join(root, 'm.nrrd'), { data: data.slice(6), shape: [3, 3, 2] }, { like }), {
    code: 'ERR_SHAPE',
  });
});

t.test('a DICOM folder is a volume, sorted by position', async (t) => {
  const root = t.testdir();
  const files = await writeDicomSeries(join(root, 'ct'));
  await writeFile(join(root, 'ct', 'README.txt'), 'not an image');
  t.equal(await isVolumePath(join(root, 'ct')), true);
  const volume = await readVolume(join(root, 'ct'));
  t.match(volume, { shape: [8, 5, 4], frames: 1 });
  t.match(volume.source, { format: 'dicom', series: { modality: 'CT', files, identified: true } });
  t.ok(close(volume.affine, [-0.7, 0, 0, 10, 0, -0.8, 0, 20, 0, 0, 2.5, 30, 0, 0, 0, 1]));
  const want: number[] = [];
  for (let k = 0; k < 4; k++)
    for (let j = 0; j < 5; j++) for (let i = 0; i < 8; i++) want.push(dicomValue(i, j, k));
  t.same([...volume.data], want, 'Hounsfield units');
  t.match(await readVolume(files[2]!), { shape: [8, 5, 1] }, 'a file alone is one slice');

  const data = Uint8Array.from(want, (value) => (value > -300 ? 2 : value < -450 ? 1 : 0));
  const labels = { 1: 'low', 2: 'high' };
  const out = join(root, 'mask.dcm');
  await writeMask(out, { data, shape: volume.shape }, { like: volume, labels });
  const seg = await wasmJob<{
    segImage: { data: Uint8Array; size: number[]; origin: number[] };
    metaInfo: { segmentAttributes: { SegmentLabel: string; labelID: number }[][] };
  }>({ package: '@itk-wasm/dicom', name: 'readSegmentationNode', args: [out, {}] }, 'the test');
  t.same([...seg.segImage.data], [...data]);
  t.same(seg.segImage.size, [8, 5, 4]);
  t.same(
    seg.metaInfo.segmentAttributes.flat().map((segment) => segment.SegmentLabel),
    ['low', 'high'],
  );
  const bytes = await readFile(out);
  t.ok(bytes.includes('1.2.826.1.1'), 'the study');
  t.ok(bytes.includes('1.2.826.1.2.3'), 'a source instance');
});

t.test('DICOM folders that make no volume are refused by name', async (t) => {
  const root = t.testdir();
  const rejects = (folder: string, message: RegExp) =>
    t.rejects(readVolume(join(root, folder)), { code: 'ERR_IMAGE_FORMAT', message });
  await writeDicomSeries(join(root, 'two'), { slices: 2 });
  const other = await writeDicomSeries(join(root, 'other'), { slices: 3, series: '1.2.826.9' });
  for (const [i, file] of other.entries()) await writeFile(join(root, 'two', `B${i}`), await readFile(file));
  await rejects('two', /2 DICOM series.*1\.2\.826\.9 \(3 x CT.*1\.2\.826\.1\.2 \(2 x CT/);
  t.match(await readVolume(join(root, 'two'), { series: '1.2.826.9' }), { shape: [8, 5, 3] });
  await writeFile(join(root, 'other', 'again'), await readFile(other[1]!));
  await rejects('other', /same place/);
  await writeDicomSeries(join(root, 'sizes'));
  await writeDicomSeries(join(root, 'sizes'), { slices: 1, rows: 4 });
  await rejects('sizes', /8 x 4/);
  const gap = await writeDicomSeries(join(root, 'gap'), { slices: 5 });
  const [, , middle] = gap;
  await unlink(middle!);
  t.match((await readVolume(join(root, 'gap'))).source?.warnings, [
    /2\.50 mm apart but for 1 gaps of up to 5\.00/,
  ]);
  await writeFile(gap[0]!, (await readFile(gap[0]!)).subarray(0, 300));
  await rejects('gap', /cannot be parsed/);
  await writeDicomSeries(join(root, 'odd'), { columns: 7 });
  const odd = await readVolume(join(root, 'odd'));
  await t.rejects(
    writeMask(join(root, 'x.dcm'), { data: new Uint8Array(140).fill(1), shape: odd.shape }, { like: odd }),
    { code: 'ERR_INVALID_ARG', message: /7 x 5 pixels, not a multiple of 8/ },
  );
  await writeDicomSeries(join(root, 'anonymous'), { anonymous: true });
  const like = await readVolume(join(root, 'anonymous'));
  await t.rejects(
    writeMask(join(root, 'x.dcm'), { data: new Uint8Array(160).fill(1), shape: like.shape }, { like }),
    { code: 'ERR_INVALID_ARG', message: /no study or instance UIDs/ },
  );
  t.notOk((await readdir(root)).includes('x.dcm'));
});

t.test('a TIFF of several pages is a volume', async (t) => {
  const root = t.testdir();
  // Two pages of 3 x 2 bytes, one strip each.
  const page = (at: number, next: number): Buffer => {
    const entries: [number, number, number][] = [
      [256, 3, 3],
      [257, 3, 2],
      [258, 3, 8],
      [259, 3, 1],
      [262, 3, 1],
      [273, 4, at + 114],
      [277, 3, 1],
      [278, 3, 2],
      [279, 4, 6],
    ];
    const out = Buffer.alloc(120);
    out.writeUInt16LE(entries.length, 0);
    entries.forEach(([tag, type, value], i) => {
      out.writeUInt16LE(tag, 2 + 12 * i);
      out.writeUInt16LE(type, 4 + 12 * i);
      out.writeUInt32LE(1, 6 + 12 * i);
      if (type === 3) out.writeUInt16LE(value, 10 + 12 * i);
      else out.writeUInt32LE(value, 10 + 12 * i);
    });
    out.writeUInt32LE(next, 2 + 12 * entries.length);
    for (let p = 0; p < 6; p++) out[114 + p] = at + p;
    return out;
  };
  const head = Buffer.from([0x49, 0x49, 42, 0, 8, 0, 0, 0]);
  await writeFile(join(root, 'stack.tif'), Buffer.concat([head, page(8, 128), page(128, 0)]));
  await writeFile(join(root, 'one.tif'), Buffer.concat([head, page(8, 0)]));
  t.equal(await isVolumePath(join(root, 'stack.tif')), true);
  t.equal(await isVolumePath(join(root, 'one.tif')), false);
  const plain = await readVolume(join(root, 'stack.tif'));
  t.match(plain, { shape: [3, 2, 2], spacing: [1, 1, 1], source: { warnings: [/1 mm is assumed/] } });
  t.same([...plain.data], [8, 9, 10, 11, 12, 13, 128, 129, 130, 131, 132, 133]);
  await writeFile(join(root, 'stack.json'), '{"spacing": [5, 0.5, 0.4]}');
  t.match(await readVolume(join(root, 'stack.tif')), { spacing: [0.4, 0.5, 5], source: { warnings: [] } });
  await writeFile(join(root, 'stack.json'), '{"spacing": "large"}');
  await t.rejects(readVolume(join(root, 'stack.tif')), { code: 'ERR_IMAGE_FORMAT', message: /stack\.json/ });
});

t.test('a package that is not installed: the command that installs it', async (t) => {
  const want = {
    code: 'ERR_IMAGE_FORMAT',
    message:
      /reading x\.foo needs the package no-such-package, which is not installed; run: npm install no-such-package/,
  };
  await t.rejects(optionalModule('no-such-package', 'reading x.foo'), want);
  await t.rejects(wasmJob({ package: 'no-such-package', name: 'f', args: [] }, 'reading x.foo'), want);
  await t.rejects(
    wasmJob(
      { package: '@itk-wasm/image-io', name: 'f', args: [] },
      'x',
      AbortSignal.abort(new Error('enough')),
    ),
    { message: 'enough' },
  );
});
