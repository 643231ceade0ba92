import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import t from 'tap';
import {
  isVolumePath,
  readLabelNames,
  readLabelVolume,
  readVolume,
  sniffFormat,
} from '../../lib/image/index.js';
import { niftiSource } from '../helpers/nifti-source.js';

const FIXTURES = join(import.meta.dirname, '../fixtures/images');

interface Expected {
  readonly shape: [number, number, number];
  readonly frames: number;
  readonly affine: number[];
  readonly values: number[];
  readonly qform: number;
  readonly sform: number;
  readonly colour?: true;
}

const volumes = JSON.parse(await readFile(join(FIXTURES, 'volumes.json'), 'utf8')) as Record<
  string,
  Expected
>;
t.ok(Object.keys(volumes).length > 35, 'the fixtures are there');

const TYPES: Record<string, string> = {
  uint8: 'Uint8Array',
  int8: 'Int8Array',
  int16: 'Int16Array',
  uint16: 'Uint16Array',
  int32: 'Int32Array',
  uint32: 'Uint32Array',
  int64: 'Float64Array',
  uint64: 'Float64Array',
  float32: 'Float32Array',
  float64: 'Float64Array',
};

for (const [name, want] of Object.entries(volumes)) {
  t.test(`${name}: values and affine as nibabel sees them`, async (t) => {
    const path = join(FIXTURES, name);
    const volume = await readVolume(path);
    t.same(volume.shape, want.shape);
    t.equal(volume.frames, want.frames);
    t.same(Array.from(volume.data), want.values);
    t.equal(volume.colour, want.colour);
    const type = TYPES[name.replace(/-[lb]e\.nii$/, '')];
    if (type !== undefined) t.equal(volume.data.constructor.name, type);
    // nibabel works the quaternion out in another order of operations: the last bits differ there only.
    const exact = want.sform > 0 && name !== 'micrometres.nii';
    for (let i = 0; i < 16; i++) {
      if (exact) t.equal(volume.affine[i], want.affine[i], `affine[${i}] is the same double`);
      else t.ok(Math.abs(volume.affine[i]! - want.affine[i]!) < 1e-6, `affine[${i}]`);
    }
    for (let c = 0; c < 3; c++) {
      const norm = Math.hypot(want.affine[c]!, want.affine[4 + c]!, want.affine[8 + c]!);
      t.ok(Math.abs(volume.spacing[c]! - norm) < 1e-6, 'spacing is the norm of the column');
    }
    t.equal(await isVolumePath(path), true);
  });
}

t.test('either half of a pair, whatever the case and gzip', async (t) => {
  const dir = t.testdir();
  const want = volumes['pair.hdr']!;
  t.same(Array.from((await readVolume(join(FIXTURES, 'pair.img'))).data), want.values);
  t.equal(await sniffFormat(join(FIXTURES, 'pair.img')), 'nifti');
  await writeFile(join(dir, 'a.hdr.gz'), gzipSync(await readFile(join(FIXTURES, 'pair.hdr'))));
  await writeFile(join(dir, 'a.img.gz'), gzipSync(await readFile(join(FIXTURES, 'pair.img'))));
  t.same(Array.from((await readVolume(join(dir, 'a.hdr.gz'))).data), want.values);
  t.same(Array.from((await readVolume(join(dir, 'a.img.gz'))).data), want.values);
  await copyFile(join(FIXTURES, 'pair.hdr'), join(dir, 'B.HDR'));
  await copyFile(join(FIXTURES, 'pair.img'), join(dir, 'B.IMG'));
  t.same(Array.from((await readVolume(join(dir, 'B.HDR'))).data), want.values);
  await copyFile(join(FIXTURES, 'pair.hdr'), join(dir, 'lonely.hdr'));
  await t.rejects(readVolume(join(dir, 'lonely.hdr')), { code: 'ERR_IMAGE_NOT_FOUND', message: /\.img/ });
});

/** A fixture with some bytes changed; what `change` returns, if a buffer, replaces it. */
async function patched(
  t: { testdir(): string },
  fixture: string,
  change: (view: DataView, bytes: Buffer) => unknown,
): Promise<string> {
  const raw = await readFile(join(FIXTURES, fixture));
  const bytes = Buffer.from(fixture.endsWith('.gz') ? gunzipSync(raw) : raw);
  const changed = change(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), bytes);
  const path = join(t.testdir(), 'patched.nii');
  await writeFile(path, Buffer.isBuffer(changed) ? changed : bytes);
  return path;
}

const PLAIN = volumes['int16-le.nii']!;

t.test('scl_slope counts only when it is finite and not 0', async (t) => {
  for (const slope of [0, Number.NaN, Number.POSITIVE_INFINITY]) {
    const path = await patched(t, 'int16-le.nii', (view) => {
      view.setFloat32(112, slope, true);
      view.setFloat32(116, 7, true);
    });
    const { data } = await readVolume(path);
    t.ok(data instanceof Int16Array, `slope ${slope} leaves the stored type`);
    t.same(Array.from(data), PLAIN.values, `slope ${slope} leaves the values, inter too`);
  }
  const path = await patched(t, 'int16-le.nii', (view) => {
    view.setFloat32(112, 2, true);
    view.setFloat32(116, Number.NaN, true);
  });
  const { data } = await readVolume(path);
  t.ok(data instanceof Float32Array);
  t.same(
    Array.from(data),
    PLAIN.values.map((v) => v * 2),
    'an inter that is not finite counts as 0',
  );
});

t.test('sizes of 0 and axes beyond the rank count as 1', async (t) => {
  const path = await patched(t, 'flat.nii', (view) => {
    view.setInt16(40, 3, true);
    view.setInt16(46, 0, true);
    view.setInt16(48, -4, true);
  });
  const volume = await readVolume(path);
  t.same(volume.shape, [4, 3, 1]);
  t.same(Array.from(volume.data), volumes['flat.nii']!.values);
});

t.test('voxel sizes of 0 count as 1, negative ones as positive', async (t) => {
  const path = await patched(t, 'no-forms.nii', (view) => {
    view.setFloat32(80, 0, true);
    view.setFloat32(84, -3, true);
  });
  const volume = await readVolume(path);
  t.same(volume.spacing, [1, 3, 4]);
  t.same(volume.affine, [1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1]);
  t.match(volume.source?.warnings.join(), /does not say how the volume lies/);
});

t.test('qfac 0 means +1, and a quaternion longer than 1 is put right', async (t) => {
  const path = await patched(t, 'left-handed.nii', (view) => {
    view.setFloat32(76, 0, true);
    view.setFloat32(256, 1.0000001, true);
    view.setFloat32(260, 0.0005, true);
    view.setFloat32(264, 0, true);
  });
  const { affine } = await readVolume(path);
  t.ok(affine.every(Number.isFinite), 'no NaN');
  t.ok(
    Math.abs(affine[0]! - 2) < 1e-3 && Math.abs(affine[5]! + 2) < 1e-3 && Math.abs(affine[10]! + 3) < 1e-3,
  );
});

t.test('units', async (t) => {
  for (const [unit, factor] of [
    [0, 1],
    [1, 1000],
    [2, 1],
    [3, 0.001],
  ] as const) {
    const path = await patched(t, 'int16-le.nii', (view) => view.setUint8(123, unit | 8));
    const { affine, spacing } = await readVolume(path);
    t.ok(Math.abs(spacing[2] - 3 * factor) < 1e-9, `unit ${unit}`);
    t.ok(Math.abs(affine[11]! - 30 * factor) < 1e-9, 'the origin is in millimetres too');
  }
});

t.test('an sform that cannot be inverted is passed over', async (t) => {
  const path = await patched(t, 'int16-le.nii', (view) => {
    for (let i = 0; i < 12; i++) view.setFloat32(280 + 4 * i, 0, true);
  });
  const volume = await readVolume(path);
  t.ok(
    volume.affine.every((v, i) => Math.abs(v - PLAIN.affine[i]!) < 1e-5),
    'the qform is used',
  );
  t.match(volume.source?.warnings.join(), /sform matrix is not invertible/);
});

t.test('warnings name disagreeing forms and shear', async (t) => {
  const warnings = async (name: string) =>
    (await readVolume(join(FIXTURES, name))).source?.warnings.join('; ');
  t.match(await warnings('disagree.nii'), /sform and qform disagree/);
  t.match(await warnings('shear.nii'), /sheared/);
  t.equal(await warnings('five.nii'), '');
  t.equal(await warnings('int16-le.nii'), '');
});

t.test('vox_offset', async (t) => {
  const zero = await patched(t, 'int16-le.nii', (view) => view.setFloat32(108, 0, true));
  t.same(Array.from((await readVolume(zero)).data), PLAIN.values, '0 means right behind the header');
  const later = await patched(t, 'int16-le.nii', (view, bytes) => {
    view.setFloat32(108, 400, true);
    return Buffer.concat([bytes.subarray(0, 352), Buffer.alloc(48, 0x55), bytes.subarray(352)]);
  });
  t.same(Array.from((await readVolume(later)).data), PLAIN.values);
  const nan = await patched(t, 'int16-le.nii', (view) => view.setFloat32(108, Number.NaN, true));
  t.match((await readVolume(nan)).source?.warnings.join(), /vox_offset/);
});

t.test('extensions come whole, and label names out of them', async (t) => {
  const volume = await readVolume(join(FIXTURES, 'extensions.nii.gz'));
  t.same(
    niftiSource(volume).extensions.map(({ code }) => code),
    [6, 0],
  );
  t.match(Buffer.from(niftiSource(volume).extensions[0]!.data).toString(), /^a comment\0*$/);
  t.same(
    [...readLabelNames(volume)],
    [
      [1, 'liver & co'],
      [7, 'left & right'],
    ],
  );
  t.equal(readLabelNames(await readVolume(join(FIXTURES, 'int16-le.nii'))).size, 0);
  const broken = await patched(t, 'extensions.nii.gz', (view) => view.setInt32(352, 1 << 30, true));
  const read = await readVolume(broken);
  t.match(read.source?.warnings.join(), /extension is damaged/);
  t.same(Array.from(read.data), volumes['extensions.nii.gz']!.values, 'the voxels are found all the same');
});

t.test('bitpix is not trusted, datatype is', async (t) => {
  const path = await patched(t, 'int16-le.nii', (view) => view.setInt16(72, 64, true));
  t.same(Array.from((await readVolume(path)).data), PLAIN.values);
});

t.test('trailing bytes are allowed', async (t) => {
  const path = await patched(t, 'int16-le.nii', (_, bytes) => Buffer.concat([bytes, Buffer.alloc(100)]));
  t.same(Array.from((await readVolume(path)).data), PLAIN.values);
  const zipped = join(t.testdir(), 'padded.nii.gz');
  await writeFile(
    zipped,
    Buffer.concat([gzipSync(await readFile(join(FIXTURES, 'int16-le.nii'))), Buffer.alloc(512)]),
  );
  t.same(Array.from((await readVolume(zipped)).data), PLAIN.values, 'zeros behind a gzip stream too');
});

t.test('files cut short', async (t) => {
  const raw = await readFile(join(FIXTURES, 'int16-le.nii'));
  const dir = t.testdir();
  const write = async (name: string, bytes: Uint8Array): Promise<string> => {
    await writeFile(join(dir, name), bytes);
    return join(dir, name);
  };
  const short = { code: 'ERR_IMAGE_FORMAT', message: /cut short.*48 bytes/ };
  await t.rejects(readVolume(await write('a.nii', raw.subarray(0, raw.length - 1))), short);
  await t.rejects(readVolume(await write('b.nii.gz', gzipSync(raw.subarray(0, raw.length - 1)))), short);
  const zipped = gzipSync(raw);
  await t.rejects(readVolume(await write('c.nii.gz', zipped.subarray(0, zipped.length - 4))), {
    code: 'ERR_IMAGE_FORMAT',
    message: /ends in the middle of its gzip data/,
  });
  const damaged = Buffer.from(zipped);
  damaged[damaged.length - 6]! ^= 1;
  await t.rejects(
    readVolume(await write('d.nii.gz', damaged)),
    { code: 'ERR_IMAGE_FORMAT', message: /damaged gzip/ },
    'the checksum is compared',
  );
  await t.rejects(readVolume(await write('e.nii', raw.subarray(0, 200))), { code: 'ERR_IMAGE_FORMAT' });
});

t.test('headers that cannot be right', async (t) => {
  const cases: [string, (view: DataView) => void, RegExp][] = [
    ['rank', (v) => v.setInt16(40, 9, true), /9 axes/],
    ['negative size', (v) => v.setInt16(42, -4, true), /size -4 along axis 1/],
    ['huge size', (v) => [42, 44, 46].forEach((at) => void v.setInt16(at, 32767, true)), /cut short/],
    ['complex', (v) => v.setInt16(70, 32, true), /complex numbers.*float32/],
    ['float128', (v) => v.setInt16(70, 1536, true), /128-bit/],
    ['bits', (v) => v.setInt16(70, 1, true), /single bits/],
    ['nonsense datatype', (v) => v.setInt16(70, 77, true), /unknown NIfTI datatype 77/],
    ['ANALYZE', (v) => v.setInt32(344, 0, true), /ANALYZE 7\.5/],
  ];
  for (const [name, change, message] of cases) {
    const path = await patched(t, 'int16-le.nii', (view) => change(view));
    await t.rejects(readVolume(path), { name: 'GmisegError', code: 'ERR_IMAGE_FORMAT', message }, name);
  }
});

t.test('64-bit integers that a double cannot hold are refused', async (t) => {
  const path = await patched(t, 'int64-le.nii', (view) => view.setBigInt64(352, 2n ** 53n, true));
  await t.rejects(readVolume(path), { code: 'ERR_IMAGE_FORMAT', message: /2\^53/ });
  const least = await patched(t, 'int64-le.nii', (view) => view.setBigInt64(352, -(2n ** 53n) + 1n, true));
  t.equal((await readVolume(least)).data[0], Number.MIN_SAFE_INTEGER);
});

t.test('RGBA loses its alpha', async (t) => {
  const path = await patched(t, 'int32-le.nii', (view) => {
    view.setInt16(70, 2304, true);
    for (let i = 0; i < 24; i++)
      view.setUint32(352 + 4 * i, i | ((i + 1) << 8) | ((i + 2) << 16) | (0xee << 24), true);
  });
  const volume = await readVolume(path);
  t.equal(volume.frames, 3);
  t.equal(volume.colour, true);
  t.same(
    Array.from(volume.data.subarray(24, 48)),
    Array.from({ length: 24 }, (_, i) => i + 1),
  );
});

t.test('what is no volume says so', async (t) => {
  const dir = t.testdir({
    'lfs.nii.gz': 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n',
    'empty.nii.gz': '',
    'page.nii.gz': '<!doctype html><title>404</title>',
    'x.nii': { 'x.nii': 'inside' },
  });
  const at = (name: string) => join(dir, name);
  await t.rejects(readVolume(at('none.nii')), { code: 'ERR_IMAGE_NOT_FOUND' });
  await t.rejects(readVolume(at('lfs.nii.gz')), { code: 'ERR_IMAGE_FORMAT', message: /git lfs pull/ });
  await t.rejects(readVolume(at('empty.nii.gz')), { code: 'ERR_IMAGE_FORMAT', message: /empty/ });
  await t.rejects(readVolume(at('page.nii.gz')), { code: 'ERR_IMAGE_FORMAT', message: /no format known/ });
  await t.rejects(readVolume(at('x.nii')), {
    code: 'ERR_IMAGE_FORMAT',
    message: /directory.*x\.nii\/x\.nii/,
  });
  await t.rejects(readVolume(join(FIXTURES, 'grey8.png')), {
    code: 'ERR_IMAGE_FORMAT',
    message: /readImage/,
  });
});

t.test('names do not matter', async (t) => {
  const dir = t.testdir();
  await copyFile(join(FIXTURES, 'int16-le.nii'), join(dir, 'plain.nii.gz'));
  await copyFile(join(FIXTURES, 'members.nii.gz'), join(dir, 'zipped.nii'));
  await copyFile(join(FIXTURES, 'int16-le.nii'), join(dir, 'no-ending'));
  for (const name of ['plain.nii.gz', 'zipped.nii', 'no-ending'])
    t.same(Array.from((await readVolume(join(dir, name))).data), PLAIN.values, name);
});

t.test('an abort rejects with its reason', async (t) => {
  const reason = new Error('enough');
  await t.rejects(readVolume(join(FIXTURES, 'int16-le.nii'), { signal: AbortSignal.abort(reason) }), reason);
});

t.test('label volumes', async (t) => {
  const path = await patched(t, 'float32-le.nii', (view) => {
    for (let i = 0; i < 24; i++) view.setFloat32(352 + 4 * i, i === 3 ? 0.99999997 : i, true);
    view.setFloat32(352, 1.0000001, true);
  });
  const labels = await readLabelVolume(path);
  t.ok(labels.data instanceof Uint8Array);
  t.same(Array.from(labels.data.subarray(0, 5)), [1, 1, 2, 1, 4]);
  await t.rejects(readLabelVolume(join(FIXTURES, 'int16-le.nii')), {
    code: 'ERR_IMAGE_FORMAT',
    message: /-60/,
  });
  await t.rejects(readLabelVolume(join(FIXTURES, 'scaled.nii.gz')), {
    code: 'ERR_IMAGE_FORMAT',
    message: /whole numbers/,
  });
  await t.rejects(readLabelVolume(join(FIXTURES, 'four.nii.gz')), {
    code: 'ERR_IMAGE_FORMAT',
    message: /2 frames/,
  });
});
