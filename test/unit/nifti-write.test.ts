import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import {
  readLabelNames,
  readLabelVolume,
  readMask,
  readVolume,
  type Volume,
  writeMask,
  writeVolume,
} from '../../lib/image/index.js';
import { packageRoot } from '../../lib/package-root.js';
import { niftiSource } from '../helpers/nifti-source.js';

const FIXTURES = join(import.meta.dirname, '../fixtures/images');
const volumes = JSON.parse(await readFile(join(FIXTURES, 'volumes.json'), 'utf8')) as Record<
  string,
  { qform: number; sform: number; affine: number[] }
>;

function identityMask(volume: Volume): Uint8Array {
  const count = volume.shape[0] * volume.shape[1] * volume.shape[2];
  return Uint8Array.from({ length: count }, (_, i) => i % 3);
}

/** The bytes of a header field as numbers, in the header's byte order. */
function field(volume: Volume, at: { 1: number; 2: number }, count: number, size1: 2 | 4): number[] {
  const { header, littleEndian } = niftiSource(volume);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  return Array.from({ length: count }, (_, i) => {
    if (header.length === 540)
      return size1 === 2
        ? view.getInt32(at[2] + 4 * i, littleEndian)
        : view.getFloat64(at[2] + 8 * i, littleEndian);
    return size1 === 2
      ? view.getInt16(at[1] + 2 * i, littleEndian)
      : view.getFloat32(at[1] + 4 * i, littleEndian);
  });
}

const codes = (volume: Volume) => field(volume, { 1: 252, 2: 344 }, 2, 2);
const forms = (volume: Volume) => field(volume, { 1: 256, 2: 352 }, 18, 4);
const pixdim = (volume: Volume) => field(volume, { 1: 76, 2: 104 }, 4, 4);
const scaling = (volume: Volume) => field(volume, { 1: 112, 2: 176 }, 2, 4);
const units = (volume: Volume) => {
  const { header, littleEndian } = niftiSource(volume);
  return header.length === 348 ? header[123] : header[littleEndian ? 500 : 503];
};

for (const [name, want] of Object.entries(volumes)) {
  t.test(`${name}: a mask carries exactly its geometry`, async (t) => {
    const source = await readVolume(join(FIXTURES, name));
    const path = join(t.testdir(), 'mask.nii.gz');
    const data = identityMask(source);
    await writeMask(path, { data, shape: source.shape }, { like: source });
    const mask = await readVolume(path);
    t.same(mask.shape, source.shape);
    t.equal(mask.frames, 1, 'time and colour are dropped');
    t.ok(mask.data instanceof Uint8Array);
    t.same(Array.from(mask.data), Array.from(data));
    t.ok(
      mask.affine.every((value, i) => value === source.affine[i]),
      'the affine is bit-equal',
    );
    t.same(codes(mask), [want.qform, want.sform]);
    t.same(forms(mask), forms(source), 'quaternion, offset and sform rows');
    t.same(pixdim(mask), pixdim(source));
    t.equal(units(mask), units(source));
    t.same(scaling(mask), [1, 0], "never the image's scaling");
    t.equal(niftiSource(mask).header.length, niftiSource(source).header.length, 'NIFTI-1 stays 1, 2 stays 2');
    t.equal(niftiSource(mask).littleEndian, true);
    t.same(niftiSource(mask).extensions, []);
  });
}

const plain = await readVolume(join(FIXTURES, 'int16-le.nii'));
const voxels = plain.shape[0] * plain.shape[1] * plain.shape[2];

t.test('the rank of a flat volume stays 2', async (t) => {
  const source = await readVolume(join(FIXTURES, 'flat.nii'));
  const path = join(t.testdir(), 'flat.nii');
  await writeMask(path, { data: identityMask(source), width: 4, height: 3 }, { like: source });
  const bytes = await readFile(path);
  t.same(
    [0, 1, 2, 3].map((i) => bytes.readInt16LE(40 + 2 * i)),
    [2, 4, 3, 1],
  );
});

t.test('header details and determinism', async (t) => {
  const dir = t.testdir();
  const mask = { data: identityMask(plain), shape: plain.shape };
  await writeMask(join(dir, 'a.nii.gz'), mask, { like: plain });
  await writeMask(join(dir, 'b.nii.gz'), mask, { like: plain });
  const [a, b] = [await readFile(join(dir, 'a.nii.gz')), await readFile(join(dir, 'b.nii.gz'))];
  t.same(a, b, 'equal input gives equal bytes');
  t.same([...a.subarray(0, 4)], [0x1f, 0x8b, 8, 0], 'gzip without a name');
  t.equal(a.readUInt32LE(4), 0, 'and without a time');
  const raw = gunzipSync(a);
  t.equal(raw.readInt16LE(70), 2, 'uint8');
  t.equal(raw.readInt16LE(72), 8);
  t.equal(raw.readInt16LE(68), 1002, 'intent label');
  t.equal(raw.toString('latin1', 148, 228).replace(/\0+$/, ''), `gmiseg ${packageRoot().version}`);
  t.equal(raw.toString('latin1', 344, 347), 'n+1');
  t.equal(raw.readFloatLE(108), 352);
  t.equal(raw.length, 352 + voxels);
  t.same(await readdir(dir), ['a.nii.gz', 'b.nii.gz'], 'no temporary file stays');
  const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'));
  t.equal(packageRoot().version, version);
});

t.test('the type follows the labels', async (t) => {
  const dir = t.testdir();
  for (const [max, type] of [
    [255, 'Uint8Array'],
    [256, 'Uint16Array'],
    [65536, 'Int32Array'],
  ] as const) {
    const data = new Int32Array(voxels);
    data[5] = max;
    const path = join(dir, `${max}.nii`);
    await writeMask(path, { data, shape: plain.shape }, { like: plain });
    const back = await readLabelVolume(path);
    t.equal((await readVolume(path)).data.constructor.name, type);
    t.equal(back.data[5], max);
  }
});

t.test('label names travel in the header', async (t) => {
  const path = join(t.testdir(), 'named.nii.gz');
  const labels = { 2: 'left <atrium> & "co"', 1: 'ventricle' };
  await writeMask(path, { data: identityMask(plain), shape: plain.shape }, { like: plain, labels });
  const back = await readVolume(path);
  t.same(
    [...readLabelNames(back)],
    [
      [1, 'ventricle'],
      [2, 'left <atrium> & "co"'],
    ],
  );
  t.same(Array.from(back.data), Array.from(identityMask(plain)), 'the voxels lie behind the extension');
  const raw = gunzipSync(await readFile(path));
  t.equal(raw[348], 1);
  t.equal(raw.readInt32LE(352) % 16, 0);
  t.equal(raw.readFloatLE(108), 352 + raw.readInt32LE(352));
});

t.test('volumes: every type, frames, extensions', async (t) => {
  const dir = t.testdir();
  const four = await readVolume(join(FIXTURES, 'four.nii.gz'));
  for (const Type of [
    Uint8Array,
    Int8Array,
    Uint16Array,
    Int16Array,
    Uint32Array,
    Int32Array,
    Float32Array,
    Float64Array,
  ]) {
    const path = join(dir, `${Type.name}.nii.gz`);
    const data = new Type(48);
    for (let i = 0; i < 48; i++) data[i] = i * 2;
    await writeVolume(path, { data, shape: four.shape, frames: 2 }, { like: four });
    const back = await readVolume(path);
    t.equal(back.data.constructor, Type);
    t.same(back.data, data);
    t.equal(back.frames, 2);
    t.ok(back.affine.every((value, i) => value === four.affine[i]));
  }
  const extended = await readVolume(join(FIXTURES, 'extensions.nii.gz'));
  await writeVolume(join(dir, 'kept.nii'), extended, { like: extended });
  const kept = await readVolume(join(dir, 'kept.nii'));
  t.same(niftiSource(kept).extensions, niftiSource(extended).extensions, 'an image keeps its extensions');
});

t.test('geometry from an affine alone', async (t) => {
  const dir = t.testdir();
  const data = new Float32Array(24);
  for (const affine of [
    [2, 0, 0, 5, 0, 3, 0, 6, 0, 0, 4, 7, 0, 0, 0, 1],
    [-2, 0, 0, 5, 0, -3, 0, 6, 0, 0, 4, 7, 0, 0, 0, 1],
    [2, 0, 0, 5, 0, -3, 0, 6, 0, 0, 4, 7, 0, 0, 0, 1],
    [0, 0, 2, 5, -2, 0, 0, 6, 0, 3, 0, 7, 0, 0, 0, 1],
    [0, -2, 0, 5, 0, 0, 3, 6, -2, 0, 0, 7, 0, 0, 0, 1],
    [1.2, -1.6, 0, 5, 1.6, 1.2, 0, 6, 0, 0, -4, 7, 0, 0, 0, 1],
  ]) {
    const path = join(dir, 'affine.nii');
    await writeVolume(path, { data, shape: [4, 3, 2] }, { affine });
    const back = await readVolume(path);
    t.ok(
      back.affine.every((value, i) => Math.abs(value - affine[i]!) < 1e-6),
      `sform of ${affine}`,
    );
    t.same(codes(back), [2, 2]);
    // Read again with the sform switched off: the qform must say the same.
    const bytes = await readFile(path);
    bytes.writeInt16LE(0, 254);
    const qpath = join(t.testdir(), 'q.nii');
    await writeFile(qpath, bytes);
    const viaQform = await readVolume(qpath);
    t.ok(
      viaQform.affine.every((value, i) => Math.abs(value - affine[i]!) < 1e-5),
      `qform of ${affine}`,
    );
  }
  const sheared = [2, 0.5, 0, 5, 0, 3, 0, 6, 0, 0, 4, 7, 0, 0, 0, 1];
  await writeVolume(join(dir, 'sheared.nii'), { data, shape: [4, 3, 2] }, { affine: sheared });
  const back = await readVolume(join(dir, 'sheared.nii'));
  t.same(codes(back), [0, 2], 'a quaternion cannot hold shear');
  t.ok(back.affine.every((value, i) => Math.abs(value - sheared[i]!) < 1e-6));
});

t.test('an affine that was changed after reading is what is written', async (t) => {
  const path = join(t.testdir(), 'moved.nii');
  const affine = plain.affine.map((value, i) => (i === 3 ? value + 100 : value));
  await writeMask(path, { data: identityMask(plain), shape: plain.shape }, { like: { ...plain, affine } });
  t.ok(Math.abs((await readVolume(path)).affine[3]! - affine[3]!) < 1e-4);
});

t.test('an axis too long for NIFTI-1 makes NIFTI-2', async (t) => {
  const path = join(t.testdir(), 'long.nii.gz');
  await writeVolume(path, { data: new Uint8Array(40000), shape: [40000, 1, 1] });
  const back = await readVolume(path);
  t.same(back.shape, [40000, 1, 1]);
  t.equal(niftiSource(back).header.length, 540);
});

t.test('2-D masks are PNG', async (t) => {
  const dir = t.testdir();
  const size = { width: 3, height: 2 };
  const path = join(dir, 'mask.png');
  await writeMask(path, { data: new Uint8Array([0, 1, 0, 1, 1, 0]), ...size });
  t.same(Array.from((await readMask(path)).data), [0, 255, 0, 255, 255, 0], '0 and 255');
  const labels = new Uint8Array([0, 1, 2, 3, 4, 255]);
  await t.rejects(writeMask(path, { data: labels, ...size }), {
    code: 'ERR_INVALID_ARG',
    message: /values: 'labels'/,
  });
  await writeMask(path, { data: labels, ...size }, { values: 'labels' });
  t.same((await readMask(path)).data, labels);
  const wide = new Uint16Array([0, 1, 2, 300, 65535, 5]);
  await writeMask(path, { data: wide, ...size }, { values: 'labels' });
  t.same((await readMask(path)).data, wide, '16 bits where needed');
});

t.test('what cannot be written is refused and leaves nothing', async (t) => {
  const dir = t.testdir({ 'taken.nii': {} });
  const mask = { data: identityMask(plain), shape: plain.shape };
  const at = (name: string) => join(dir, name);
  const like = plain;
  await t.rejects(writeMask(at('a.nii'), mask), { code: 'ERR_INVALID_ARG', message: /like: volume/ });
  await t.rejects(writeMask(at('a.png'), mask, { like }), { code: 'ERR_INVALID_ARG', message: /\.nii/ });
  await t.rejects(writeMask(at('a.jpg'), { data: new Uint8Array(4), width: 2, height: 2 }), {
    code: 'ERR_INVALID_ARG',
  });
  await t.rejects(writeMask(at('a.png'), { data: new Uint8Array(5), width: 2, height: 2 }), {
    code: 'ERR_SHAPE',
  });
  await t.rejects(writeMask(at('a.nii'), { ...mask, shape: [3, 4, 2] }, { like }), {
    code: 'ERR_SHAPE',
    message: /one grid/,
  });
  await t.rejects(
    writeMask(at('a.nii'), { data: new Float32Array(voxels).fill(0.5), shape: plain.shape }, { like }),
    { code: 'ERR_INVALID_ARG', message: /whole numbers/ },
  );
  await t.rejects(
    writeMask(at('a.nii'), { data: new Int16Array(voxels).fill(-1), shape: plain.shape }, { like }),
    { code: 'ERR_INVALID_ARG' },
  );
  await t.rejects(writeMask(at('none/a.nii'), mask, { like }), {
    code: 'ERR_IO',
    message: /create it first/,
  });
  await t.rejects(writeMask(at('taken.nii'), mask, { like }), { code: 'ERR_IO', message: /in the way/ });
  const reason = new Error('enough');
  await t.rejects(writeMask(at('a.nii'), mask, { like, signal: AbortSignal.abort(reason) }), reason);
  const late = new AbortController();
  const big = { data: new Uint8Array(2 ** 24), shape: [256, 256, 256] as const };
  const writing = writeVolume(at('big.nii.gz'), big, { signal: late.signal });
  setImmediate(() => late.abort(reason));
  await t.rejects(writing, reason, 'an abort in the middle');
  t.same(await readdir(dir), ['taken.nii']);
});
