/** gmiseg evaluate with real folders. */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import t from 'tap';
import { evaluate } from '../../lib/evaluate.js';
import type { Summary } from '../../lib/evaluation/summary.js';
import { readVolume, writeMask } from '../../lib/image/index.js';
import { gmiseg } from '../helpers/cli.js';
import { pnmBytes } from '../helpers/layout-files.js';
import { fill, niftiBytes, type Shape3 } from '../helpers/tiny-dataset.js';

const SHAPE: Shape3 = [14, 12, 6];
const SPACING: Shape3 = [0.8, 0.9, 2.5];

/** Label 1 is a box, moved by `shift`; label 2 a smaller one. */
function labels(shift: number, second = true): Uint8Array {
  return Uint8Array.from(
    fill(SHAPE, (i, j, k) => {
      if (i >= 2 + shift && i < 7 + shift && j >= 2 && j < 9 && k >= 1 && k < 5) return 1;
      return second && i >= 10 && i < 13 && j >= 3 + shift && j < 8 && k >= 2 && k < 4 ? 2 : 0;
    }),
  );
}

const nifti = (data: Uint8Array, origin: Shape3 = [0, 0, 0]): Buffer =>
  gzipSync(niftiBytes(data, SHAPE, SPACING, origin));

/** Two frames of each of six patients; NIfTI truths, predictions in NIfTI and NRRD. */
async function writeFolders(root: string): Promise<{ truth: string; pred: string; other: string }> {
  const [truth, pred, other] = ['labelsTs', 'pred', 'other'].map((name) => path.join(root, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [truth, pred, other]) await mkdir(folder);
  for (let at = 0; at < 12; at++) {
    const name = `patient${String(1 + Math.floor(at / 2)).padStart(3, '0')}_frame0${1 + (at % 2)}`;
    await writeFile(path.join(truth, `${name}.nii.gz`), nifti(labels(0, at !== 3)));
    await writeFile(path.join(other, `${name}.nii.gz`), nifti(labels(2)));
    const shift = at % 3 === 0 ? 0 : 1;
    if (at % 2 === 0) await writeFile(path.join(pred, `${name}.nii.gz`), nifti(labels(shift)));
    else {
      const like = await readVolume(path.join(truth, `${name}.nii.gz`));
      await writeMask(path.join(pred, `${name}.nrrd`), { data: labels(shift), shape: SHAPE }, { like });
    }
  }
  return { truth, pred, other };
}

const summaryOf = async (file: string): Promise<Summary> =>
  JSON.parse(await readFile(file, 'utf8')) as Summary;

t.test('volumes of several labels: summary.json, CSV, table, comparison', async (t) => {
  const root = t.testdir();
  const { truth, pred, other } = await writeFolders(root);
  const out = path.join(root, 'results', 'summary.json');
  const csv = path.join(root, 'scores.csv');
  const args = ['evaluate', '--pred', pred, '--truth', truth];
  const result = await gmiseg([
    ...args,
    '--against',
    other,
    '--out',
    out,
    '--csv',
    csv,
    '--tolerance',
    '0.8',
  ]);
  t.match(result, { code: 0, stderr: '' });
  t.match(result.stdout, /^task +images +subjects +Dice +Jaccard +ASSD +HD95 +NSD +empty\n/);
  t.match(result.stdout, /\nlabel 1 +12 +6 +0\.\d{3} \[0\.\d{3}, 0\.\d{3}\].* -\n/);
  t.match(result.stdout, /\nlabel 2 +12 +6 .* 1 truth\n/);
  t.match(result.stdout, /\nmean of labelsTs +12 +6 /);
  t.match(result.stdout, /\nall +Dice +6 /);
  t.match(result.stdout, /distances in mm, NSD at 0\.8 mm/);
  t.same((await readdir(path.join(root, 'results'))).sort(), ['summary.json'], 'nothing temporary is left');

  const summary = await summaryOf(out);
  t.same(summary.labels, [1, 2]);
  t.equal(summary.metric_per_case.length, 12);
  const [first] = summary.metric_per_case;
  t.match(first, {
    case: 'patient001_frame01',
    subject: 'patient001',
    dataset: 'labelsTs',
    reference_file: path.join(truth, 'patient001_frame01.nii.gz'),
    prediction_file: path.join(pred, 'patient001_frame01.nii.gz'),
    metrics: { 1: { Dice: 1, IoU: 1, FP: 0, FN: 0, TP: 140, n_pred: 140, n_ref: 140, ASSD: 0, NSD: 1 } },
    empty: { 1: 'none', 2: 'none' },
    unit: 'mm',
    volume_unit: 'ml',
  });
  t.ok(Math.abs(first!.metrics[1]!.volume_ref! - (140 * 0.8 * 0.9 * 2.5) / 1000) < 1e-8);
  const second = summary.metric_per_case[1]!;
  const own = await evaluate(second.prediction_file, second.reference_file, {
    labels: [1, 2],
    tolerance: 0.8,
  });
  for (const { label, dice, assd, hd95, nsd } of own.labels)
    t.match(second.metrics[label], { Dice: dice, ASSD: assd, HD95: hd95, NSD: nsd }, 'as evaluate() says');
  t.match(summary.conventions, { assd: /mean of the two directed/, oneEmpty: /diagonal/, bothEmpty: /1/ });
  const mean = summary.metric_per_case.reduce((sum, one) => sum + one.metrics[1]!.Dice, 0) / 12;
  t.ok(Math.abs(summary.mean[1]!.Dice - mean) < 1e-12);
  t.ok(Math.abs(summary.foreground_mean.Dice - (summary.mean[1]!.Dice + summary.mean[2]!.Dice) / 2) < 1e-12);
  t.match(summary.aggregate.tasks[1], {
    label: 2,
    empty: { truth: 1, both: 0, prediction: 0 },
    nonEmpty: { images: 11 },
  });
  t.match(summary.against?.comparison[0], {
    label: 1,
    metrics: { dice: { subjects: 6, difference: /\d/, wilcoxon: { method: 'exact' } } },
  });
  t.ok(summary.against!.comparison[0]!.metrics.dice.difference > 0);
  t.match(summary.provenance, { command: /gmiseg evaluate --pred/, gmiseg: /^\d/ });

  const rows = parse(await readFile(csv, 'utf8'), { columns: true }) as Record<string, string>[];
  t.equal(rows.length, 48, 'two labels of twelve images of two folders');
  t.match(rows[3], {
    case: 'patient001_frame02',
    label: '2',
    Dice: String(second.metrics[2]!.Dice),
    prediction_file: second.prediction_file,
  });

  const json = await gmiseg([...args, '--label', '2', '--json']);
  t.match(json, { code: 0, stderr: '' });
  const printed = JSON.parse(json.stdout) as Summary;
  t.same(printed.labels, [2]);
  t.same(printed.metric_per_case[1]!.metrics[2]!.HD, second.metrics[2]!.HD);
  t.equal(printed.against, undefined);
  const again = JSON.parse((await gmiseg([...args, '--label', '2', '--json'])).stdout) as Summary;
  t.same(again.aggregate, printed.aggregate, 'seeded');
});

t.test('pictures: 0/255 against labels, subjects from a file, spacing', async (t) => {
  const root = t.testdir({ 'who.csv': 'case,subject,task\na,anna,left\nb,anna,left\nc,carl,right\n' });
  const [truth, pred] = [path.join(root, 'truth'), path.join(root, 'pred')];
  for (const folder of [truth, pred]) await mkdir(folder);
  for (const [at, name] of ['a', 'b', 'c'].entries()) {
    const data = Uint8Array.from({ length: 20 * 10 }, (_, i) =>
      i % 20 < 8 && i < 100 ? 2 : i > 180 ? 1 : 0,
    );
    const mask = data.map((value, i) => (value === 2 && i % 20 >= at ? 1 : 0));
    await writeMask(path.join(pred, `${name}.png`), { data: mask, width: 20, height: 10 });
    await writeFile(path.join(truth, `${name}.pgm`), pnmBytes({ data, width: 20, height: 10 }));
  }
  const args = ['evaluate', '--pred', pred, '--truth', truth, '--json'];
  const ambiguous = await gmiseg(args);
  t.match(ambiguous, { code: 1, stderr: /ERR_DATASET.*binary .*--label/ });
  const run = async (...more: string[]): Promise<Summary> => {
    const { code, stdout, stderr } = await gmiseg([...args, ...more]);
    t.same([code, stderr], [0, '']);
    return JSON.parse(stdout) as Summary;
  };
  const summary = await run('--label', '2', '--subjects', path.join(root, 'who.csv'));
  t.same(
    summary.metric_per_case.map(({ metrics, subject, task, unit }) => [
      metrics[2]!.n_pred,
      subject,
      task,
      unit,
    ]),
    [
      [40, 'anna', 'left', 'px'],
      [35, 'anna', 'left', 'px'],
      [30, 'carl', 'right', 'px'],
    ],
  );
  t.same(
    summary.aggregate.tasks.map(({ task, subjects, images }) => [task, subjects, images]),
    [
      ['left', 1, 2],
      ['right', 1, 1],
    ],
  );
  t.match(summary.provenance.warnings, [/value 255 is taken as label 2/]);
  const spaced = await run('--label', '2', '--spacing', '0.5,2');
  t.match(spaced.metric_per_case[1], { unit: 'mm', volume_unit: 'mm2' });
  t.equal(spaced.metric_per_case[1]!.metrics[2]!.HD, 2, 'one column of 2 mm is missing');
});

t.test('what does not fit: one line, the file, the remedy', async (t) => {
  const root = t.testdir();
  const { truth, pred } = await writeFolders(root);
  const args = ['evaluate', '--pred', pred, '--truth', truth];
  const first = path.join(pred, 'patient001_frame01.nii.gz');
  const kept = path.join(root, 'kept.nii.gz');
  await copyFile(first, kept);

  await writeFile(first, nifti(labels(0), [5, 0, 0]));
  const moved = await gmiseg([...args, '--label', '1']);
  t.match(moved, {
    code: 1,
    stdout: '',
    stderr: /patient001_frame01\.nii\.gz.* 5\.00 mm apart.*--ignore-geometry/,
  });
  t.equal(moved.stderr.trim().split('\n').length, 1);
  const ignored = await gmiseg([...args, '--ignore-geometry', '--json']);
  t.equal((JSON.parse(ignored.stdout) as Summary).metric_per_case[0]!.metrics[1]!.Dice, 1);

  await writeFile(first, gzipSync(niftiBytes(new Uint8Array(14 * 12 * 5), [14, 12, 5], SPACING)));
  const json = await gmiseg([...args, '--ignore-geometry', '--json']);
  t.equal(json.code, 1);
  t.match(JSON.parse(json.stderr), {
    error: { code: 'ERR_SHAPE', message: /frame01\.nii\.gz is 14 x 12 x 5 but .* 14 x 12 x 6; resample/ },
  });

  await writeFile(first, (await readFile(kept)).subarray(0, 60));
  t.match(await gmiseg(args), { code: 1, stderr: /patient001_frame01\.nii\.gz/ });

  await copyFile(kept, first);
  await copyFile(first, path.join(pred, 'patient999.nii.gz'));
  await writeFile(path.join(truth, 'patient777.nii.gz'), nifti(labels(0)));
  const out = path.join(root, 'summary.json');
  t.match(await gmiseg([...args, '--out', out]), {
    code: 1,
    stderr: /no prediction for .*patient777\.nii\.gz; .*--skip-missing/,
  });
  t.notOk((await readdir(root)).includes('summary.json'));
  const skipped = await gmiseg([...args, '--skip-missing', '--out', out]);
  t.match(skipped, {
    code: 0,
    stderr: /warning: no truth for .*patient999.*\nwarning: left out.*patient777/,
  });
  t.match((await summaryOf(out)).missing, [/patient777/]);

  const empty = path.join(root, 'empty');
  await mkdir(empty);
  t.match(await gmiseg(['evaluate', '--pred', empty, '--truth', truth]), {
    code: 1,
    stderr: /No file of .*empty has the base name/,
  });
});

t.test('a wrong command line: status 2', async (t) => {
  const root = t.testdir();
  const args = ['evaluate', '--pred', root, '--truth', root];
  for (const [more, message] of [
    [['--label', '0'], /--label 0/],
    [['--label', '1,x'], /--label x/],
    [['--spacing', '1'], /--spacing 1: give ROW,COLUMN/],
    [['--spacing', '1,0'], /--spacing 0/],
    [['--tolerance', '0'], /--tolerance 0: give a number above 0/],
    [['--bootstrap', '0'], /--bootstrap 0/],
    [['--subject', '('], /--subject \(/],
    [['--out', root], /--out .* is a folder/],
  ] as const)
    t.match(await gmiseg([...args, ...more]), { code: 2, stdout: '', stderr: message }, more.join(' '));
  t.match(await gmiseg(['evaluate', '--pred', root]), { code: 2, stderr: /--truth/ });
  const help = await gmiseg(['evaluate', '--help']);
  t.match(help, { code: 0, stdout: /Example:\n {2}gmiseg evaluate --pred/ });
});
