import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { importDataset } from '../../lib/dataset/import-dataset.js';
import { type Fingerprint, verifyDataset } from '../../lib/dataset/verify-dataset.js';
import { readImage } from '../../lib/image/index.js';
import { gmiseg } from '../helpers/cli.js';
import { labelBytes, put, SHAPE, scanBytes } from '../helpers/layout-files.js';
import { niftiBytes, writeNnunet } from '../helpers/tiny-dataset.js';

t.test('a sound dataset: table, fingerprint, preview, and a store beside them', async (t) => {
  const root = t.testdir();
  const source = path.join(root, 'Dataset001_Heart');
  await writeNnunet(source, { patients: 3 });
  const out = path.join(root, 'store');
  const args = ['import', '--layout', 'nnunet', '--in', source, '--out', out, '--workers', '0'];
  const result = await gmiseg([...args, '--verify', '--preview']);
  t.match(result, { code: 0, stderr: '' });
  t.match(result.stdout, /6 cases of 3 subjects \(4 train, 0 val, 2 test\)/);
  t.match(result.stdout, /shape +20 x 24 x 8\n/);
  t.match(result.stdout, /spacing +1\.5 x 1\.5 x 6\n/);
  t.match(result.stdout, /2 cavity +4\/0\/2 +4\/0\/2 +4\/0\/2/);
  t.match(result.stdout, /warning: patient001_frame02: the image is that of patient001_frame01\n/);
  t.match(result.stdout, /No errors, 3 warnings/);
  const fingerprint = JSON.parse(await readFile(path.join(out, 'fingerprint.json'), 'utf8')) as Fingerprint;
  t.match(fingerprint, {
    schema: 1,
    dataset: 'Dataset001_Heart',
    labels: { 1: 'wall', 2: 'cavity' },
    problems: [{ severity: 'warning', code: 'DUPLICATE' }, {}, {}],
    tasks: [{ label: 1, name: 'wall', axis: 0, train: 4, val: 0, test: 2 }],
  });
  t.match(fingerprint.cases[0], {
    id: 'patient001_frame01',
    split: 'train',
    facts: { shape: [...SHAPE], orientation: 'RAS', channels: [{ modality: 'cine-MRI', type: 'int16' }] },
  });
  const picture = await readImage(path.join(out, 'preview.png'));
  t.equal(picture.channels, 3);
  t.ok(picture.data.some((value) => value > 100));
  t.match(await gmiseg(args), { code: 0 }, 'the store goes into the same folder');
  t.ok(await readFile(path.join(out, 'fingerprint.json')), 'and leaves the fingerprint there');
  const index = JSON.parse(await readFile(path.join(out, 'index.json'), 'utf8'));
  t.same(index.provenance.subjects, { train: ['patient001', 'patient002'], val: [], test: ['patient003'] });
  await rm(path.join(out, 'preview.png'));
  t.match(await gmiseg([...args, '--force', '--preview']), { code: 0 });
  t.same((await readdir(out)).sort(), [
    'fingerprint.json',
    'index.json',
    'preview.png',
    'slices-000.safetensors',
  ]);
});

t.test('a broken dataset: each fault by name, all in one run', async (t) => {
  const root = t.testdir();
  await writeNnunet(root, { patients: 6 });
  const image = (name: string): string => path.join(root, 'imagesTr', `${name}_0000.nii.gz`);
  const label = (name: string): string => path.join(root, 'labelsTr', `${name}.nii.gz`);
  for (let p = 1; p <= 6; p++)
    for (const f of ['01', '02']) await put(image(`patient00${p}_frame${f}`), scanBytes(10 * p + Number(f)));
  // A truncated gz.
  const whole = await readFile(image('patient001_frame01'));
  await writeFile(image('patient001_frame01'), whole.subarray(0, whole.length / 2));
  // A label volume of another shape, and of another voxel size.
  await put(label('patient001_frame02'), labelBytes([1, 2], [1.5, 1.5, 6], [20, 24, 6]));
  await put(label('patient002_frame01'), labelBytes([1, 2], [1.5, 1.5, 8]));
  // Labels that were interpolated.
  const half = Float32Array.from({ length: SHAPE[0] * SHAPE[1] * SHAPE[2] }, () => 0.5);
  await put(label('patient002_frame02'), niftiBytes(half, SHAPE, [1.5, 1.5, 6]));
  // A directory named like a file, and a picture named like a volume.
  await mkdir(`${label('patient003_frame01')}.d`);
  await rename(label('patient003_frame01'), path.join(`${label('patient003_frame01')}.d`, 'inside.nii.gz'));
  await rename(`${label('patient003_frame01')}.d`, label('patient003_frame01'));
  await writeFile(image('patient003_frame02'), '\x89PNG\r\n\x1a\n0000', 'latin1');
  // An empty mask, an unnamed label, a mask elsewhere in space.
  await put(label('patient004_frame01'), niftiBytes(new Uint8Array(half.length), SHAPE, [1.5, 1.5, 6]));
  await put(label('patient004_frame02'), labelBytes([1, 7]));
  // A scan that is padded with NaN.
  const padded = Float32Array.from({ length: half.length }, (_, at) => (at < 480 ? Number.NaN : at % 97));
  await put(image('patient006_frame02'), niftiBytes(padded, SHAPE, [1.5, 1.5, 6]));
  const moved = niftiBytes(new Uint8Array(half.length).fill(1), SHAPE, [1.5, 1.5, 6], [30, 0, 0]);
  await put(label('patient005_frame01'), moved);
  // The image of patient006 (a test subject) again in patient005 (a training subject).
  await put(image('patient005_frame02'), scanBytes(61));
  const out = path.join(root, 'out');
  const report = await verifyDataset({ layout: 'nnunet', source: root, out });
  t.equal(report.ok, false);
  const errors = report.problems.filter(({ severity }) => severity === 'error');
  const want: [string, string, RegExp][] = [
    [
      'patient001_frame01',
      'ERR_IMAGE_FORMAT',
      /frame01_0000\.nii\.gz ends in the middle of its gzip data; copy or download/,
    ],
    [
      'patient001_frame02',
      'ERR_DATASET',
      /frame02\.nii\.gz has the shape 20 x 24 x 6, its image .* 20 x 24 x 8; bring both/,
    ],
    ['patient002_frame01', 'ERR_DATASET', /voxel size 1\.5 x 1\.5 x 8, its image .* 1\.5 x 1\.5 x 6/],
    [
      'patient002_frame02',
      'ERR_IMAGE_FORMAT',
      /frame02\.nii\.gz holds 0\.5, which is no label.*interpolation/,
    ],
    [
      'patient003_frame01',
      'ERR_IMAGE_FORMAT',
      /is a directory, not an image; it holds .*inside\.nii\.gz, pass that/,
    ],
    ['patient003_frame02', 'ERR_IMAGE_FORMAT', /frame02_0000\.nii\.gz is a PNG picture, not a volume/],
    ['patient006_frame01', 'LEAK', /the image is that of patient005_frame02.*another side of the split/],
  ];
  t.same(
    errors.map((error) => error.case),
    want.map(([id]) => id),
  );
  for (const [at, [, code, message]] of want.entries()) t.match(errors[at], { code, message });
  const warnings = report.problems.filter(({ severity }) => severity === 'warning');
  t.match(warnings, [
    { case: 'patient004_frame01', code: 'EMPTY_MASK' },
    { case: 'patient005_frame01', code: 'GEOMETRY', message: /different places in space/ },
    { case: 'patient006_frame02', code: 'NOT_FINITE', message: /holds 480 values that are not finite/ },
    { case: 'patient004_frame02', code: 'UNNAMED_LABEL', message: /the label 7 has no name/ },
  ]);
  t.equal(report.cases.filter((one) => one.facts === null).length, 6);
  const result = await gmiseg([
    'import',
    '--layout',
    'nnunet',
    '--in',
    root,
    '--out',
    out,
    '--verify',
    '--workers',
    '0',
  ]);
  t.equal(result.code, 1);
  t.match(result.stdout, /error: patient001_frame01: .*\(ERR_IMAGE_FORMAT\)\n/);
  t.match(result.stdout, /7 errors, 4 warnings: mend the errors before you import\./);
  // The import itself stops at the first fault and leaves nothing.
  await t.rejects(importDataset({ layout: 'nnunet', source: root, out: path.join(root, 'store') }), {
    code: 'ERR_IMAGE_FORMAT',
    message: /patient001_frame01_0000\.nii\.gz/,
  });
});
