import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Fingerprint } from '../../lib/dataset/verify-dataset.js';
import { readVolume, writeMask } from '../../lib/image/index.js';
import { gmisegProcess } from '../helpers/cli.js';

const DATA = join(import.meta.dirname, '../../../shared/data');
const absent = existsSync(DATA) ? false : `no real images at ${DATA}`;

/** Every dataset at hand: how it is imported, and what has to be in it. */
const SETS: Record<string, { args: string[]; cases: number; labels: number; warnings?: RegExp }> = {
  acdc: { args: ['--layout', 'nnunet'], cases: 68, labels: 3 },
  la2018: { args: ['--layout', 'nnunet'], cases: 17, labels: 1 },
  brats: { args: ['--layout', 'nnunet'], cases: 3, labels: 4 },
  stare: { args: ['--layout', 'folders', '--labels', '255=vessel'], cases: 16, labels: 1 },
  wbc: { args: ['--layout', 'folders', '--labels', '128=cytoplasm,255=nucleus'], cases: 60, labels: 2 },
  em_membrane: { args: ['--layout', 'folders', '--labels', '255=cell'], cases: 30, labels: 1 },
  abdomen_ct: { args: ['--layout', 'pairs', '--modality', 'CT'], cases: 1, labels: 40 },
  abdomen_mr: { args: ['--layout', 'pairs', '--modality', 'MR'], cases: 1, labels: 22 },
  dicom_ct: {
    args: ['--layout', 'pairs'],
    cases: 1,
    labels: 31,
    warnings: /stored as LAS, its image as LPS/,
  },
  brain_mr: { args: ['--layout', 'pairs', '--modality', 'T1'], cases: 1, labels: 44 },
};

for (const [name, { args, cases, labels, warnings }] of Object.entries(SETS)) {
  t.test(`${name}: verified and imported`, { skip: absent }, async (t) => {
    const out = join(t.testdir(), name);
    const all = ['import', ...args, '--in', join(DATA, name), '--out', out];
    const verify = await gmisegProcess([...all, '--verify', '--preview']);
    t.match(verify, { code: 0, stderr: '' });
    t.match(verify.stdout, /No errors/);
    if (warnings !== undefined) t.match(verify.stdout, warnings);
    const fingerprint = JSON.parse(await readFile(join(out, 'fingerprint.json'), 'utf8')) as Fingerprint;
    t.equal(fingerprint.cases.length, cases);
    t.equal(new Set(fingerprint.tasks.map((task) => task.label)).size, labels);
    const result = await gmisegProcess([...all, '--json']);
    t.equal(result.code, 0);
    const summary = JSON.parse(result.stdout);
    t.match(summary, { cases, dataset: name });
    t.same(summary.tasks, fingerprint.tasks, 'the store holds what the check counted');
    t.comment(`${name}: ${summary.slices} slices, ${summary.rate.toFixed(1)} MB/s`);
  });
}

t.test('a CSV list of single volumes of several datasets', { skip: absent }, async (t) => {
  const root = t.testdir();
  const list = join(root, 'abdomen.csv');
  const lines = [
    'id,image,label,modality',
    `ct,${join(DATA, 'abdomen_ct/example_ct_sm.nii.gz')},${join(DATA, 'abdomen_ct/example_seg.nii.gz')},CT`,
    `mr,${join(DATA, 'abdomen_mr/example_mr_sm.nii.gz')},${join(DATA, 'abdomen_mr/example_seg_mr.nii.gz')},MR`,
  ];
  await writeFile(list, lines.join('\n'));
  const out = join(root, 'store');
  const result = await gmisegProcess([
    'import',
    '--layout',
    'csv',
    '--in',
    list,
    '--out',
    out,
    '--orient',
    'RAS',
  ]);
  t.match(result, { code: 0, stdout: /of 2 cases \(dataset "abdomen"\)/ });
});

t.test('masks of the DICOM series go out as NRRD, MHA and NIfTI', { skip: absent }, async (t) => {
  const root = t.testdir();
  const like = await readVolume(join(DATA, 'dicom_ct/series'));
  const data = Uint8Array.from(like.data, (value) => (value > 200 ? 1 : 0));
  for (const name of ['mask.nrrd', 'mask.mha', 'mask.nii.gz']) {
    await writeMask(join(root, name), { data, shape: like.shape }, { like });
    const mask = await readVolume(join(root, name));
    t.ok(
      mask.affine.every((value, at) => Math.abs(value - like.affine[at]!) < 1e-6),
      name,
    );
    t.equal(Buffer.compare(Buffer.from(mask.data.buffer), Buffer.from(data.buffer)), 0);
  }
  // The series was anonymised down to its UIDs, without which nothing can refer to it.
  await t.rejects(writeMask(join(root, 'mask.dcm'), { data, shape: like.shape }, { like }), {
    code: 'ERR_INVALID_ARG',
    message: /no study or instance UIDs/,
  });
});
