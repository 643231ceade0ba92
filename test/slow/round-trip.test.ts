import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import {
  orientationOf,
  readVolume,
  reorient,
  restoreOrientation,
  type Volume,
  writeMask,
} from '../../lib/image/index.js';
import { wasmJob } from '../../lib/image/wasm-job.js';

const FIXTURES = join(import.meta.dirname, '../fixtures/images');
const SCRIPT = join(import.meta.dirname, '../helpers/round-trip.py');
const PYTHON = process.env.GMISEG_TEST_PYTHON ?? 'python3';
const names = Object.keys(JSON.parse(await readFile(join(FIXTURES, 'volumes.json'), 'utf8')));

const nibabel = spawnSync(PYTHON, ['-c', 'import nibabel']).status === 0;
const absent = nibabel
  ? false
  : `${PYTHON} has no nibabel; \`pip install nibabel\` or set GMISEG_TEST_PYTHON to compare with it`;

function cycle(volume: Volume): Uint8Array {
  const count = volume.shape[0] * volume.shape[1] * volume.shape[2];
  return Uint8Array.from({ length: count }, (_, i) => i % 3);
}

/** The odd files of the fixtures, and two more: sizes of zero, and a header without a size of its own. */
async function sources(folder: string): Promise<string[]> {
  const zero = await readFile(join(FIXTURES, 'flat.nii'));
  for (let at = 46; at < 56; at += 2) zero.writeInt16LE(0, at);
  await writeFile(join(folder, 'zero-dims.nii'), zero);
  return [...names.map((name) => join(FIXTURES, name)), join(folder, 'zero-dims.nii')];
}

t.test('masks as nibabel sees them', { skip: absent }, async (t) => {
  const root = t.testdir();
  const pairs: { source: string; mask: string }[] = [];
  for (const [at, source] of (await sources(root)).entries()) {
    const like = await readVolume(source);
    const mask = join(root, `${at}.nii.gz`);
    await writeMask(mask, { data: cycle(like), shape: like.shape }, { like });
    pairs.push({ source, mask });
  }
  // Formats of ITK: from a file of theirs, and from NIfTI.
  const like = await readVolume(join(FIXTURES, 'left-handed.nii'));
  for (const name of ['first.nrrd', 'first.mha']) {
    await writeMask(join(root, name), { data: cycle(like), shape: like.shape }, { like });
    pairs.push({ source: join(FIXTURES, 'left-handed.nii'), mask: join(root, name) });
    const own = await readVolume(join(root, name));
    for (const other of ['second.nrrd', 'second.mha']) {
      const mask = join(root, `${name}-${other}`);
      await writeMask(mask, { data: cycle(own), shape: own.shape }, { like: own });
      pairs.push({ source: join(root, name), mask });
    }
  }
  const python = spawnSync(PYTHON, [SCRIPT], { input: JSON.stringify(pairs), encoding: 'utf8' });
  t.equal(python.status, 0, python.stderr);
  const { itk, differences } = JSON.parse(python.stdout) as { itk: boolean; differences: object[] };
  if (!itk) t.comment(`${PYTHON} has no SimpleITK: NRRD and MHA were not compared`);
  for (const [at, { source }] of pairs.entries()) t.same(differences[at], {}, source);
});

t.test('masks as ITK sees them', async (t) => {
  interface Read {
    readonly image: { size: number[]; spacing: number[]; origin: number[]; direction: Float64Array };
  }
  const read = (path: string): Promise<Read> =>
    wasmJob({ package: '@itk-wasm/image-io', name: 'niftiReadImageNode', args: [path] }, 'the test');
  const root = t.testdir();
  // ITK reads no NIFTI-2 and no sheared grid, and gives files of four and five axes other directions.
  const odd =
    /^(uint8-be|scaled-be|flat|qform-only|sform-only|left-handed|disagree|micrometres|no-forms|extensions|rgb24)\./;
  for (const name of names.filter((name) => odd.test(name))) {
    const source = join(FIXTURES, name);
    const like = await readVolume(source);
    const mask = join(root, 'mask.nii.gz');
    await writeMask(mask, { data: cycle(like), shape: like.shape }, { like });
    const [a, b] = [await read(source), await read(mask)];
    const geometry = ({ image }: Read) => ({
      size: [...image.size, 1].slice(0, 3),
      spacing: image.spacing,
      origin: image.origin,
      direction: [...image.direction],
    });
    t.same(geometry(b), geometry(a), name);
  }
});

t.test('turned to any orientation and back, every voxel stays where it is', async (t) => {
  const like = await readVolume(join(FIXTURES, 'left-handed.nii'));
  const own = orientationOf(like.affine);
  for (const to of ['RAS', 'LPS', 'SAR', 'PIR', 'ILA', own]) {
    const turned = reorient(like, to);
    t.equal(orientationOf(turned.affine), to);
    const back = restoreOrientation({ data: turned.data, shape: turned.shape }, like, to);
    t.same(back.shape, like.shape);
    t.same([...back.data], [...like.data], to);
    const again = reorient(turned, own);
    t.ok(
      again.affine.every((value, at) => Math.abs(value - like.affine[at]!) < 1e-5),
      `${to}: the affine too`,
    );
  }
  t.equal(reorient(like, own), like, 'nothing to do');
  t.throws(() => restoreOrientation({ data: new Uint8Array(8), shape: [2, 2, 2] }, like, 'RAS'), {
    code: 'ERR_SHAPE',
  });
});
