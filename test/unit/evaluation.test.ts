/** Folders of masks: pairing, labels, subjects, aggregation, paired comparison. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { aggregate } from '../../lib/evaluation/aggregate.js';
import { groupOf, readCaseTable } from '../../lib/evaluation/case-groups.js';
import { chooseLabels, renamed, valuesIn } from '../../lib/evaluation/choose-labels.js';
import { compare } from '../../lib/evaluation/compare.js';
import { scoresCsv } from '../../lib/evaluation/csv.js';
import type { ScoreRow } from '../../lib/evaluation/evaluate-folders.js';
import { volumeGrid } from '../../lib/evaluation/mask-grid.js';
import { pairFolders } from '../../lib/evaluation/pair-files.js';
import type { Scores } from '../../lib/evaluation/scores.js';
import { Random } from '../../lib/statistics/random.js';

t.test('files pair by base name across formats', async (t) => {
  const root = t.testdir({
    truth: {
      'a.nii.gz': '',
      'b.v2.png': '',
      'c.nrrd': '',
      'd.mhd': '',
      'd.raw': '',
      'e.png': '',
      'f.pgm.gz': '',
      '.hidden.png': '',
      'notes.json': '',
    },
    pred: {
      'a.png': '',
      'a_overlay.png': '',
      'b.v2.nii': '',
      'c_0000.nii.gz': '',
      'd.mha': '',
      'f.png': '',
      'summary.json': '',
    },
  });
  const [truth, pred] = [path.join(root, 'truth'), path.join(root, 'pred')];
  const { pairs, missing, extra } = await pairFolders(pred, truth);
  const name = (file: string): string => path.basename(file);
  t.same(
    pairs.map((pair) => [pair.case, name(pair.prediction), name(pair.truth)]),
    [
      ['a', 'a.png', 'a.nii.gz'],
      ['b.v2', 'b.v2.nii', 'b.v2.png'],
      ['c', 'c_0000.nii.gz', 'c.nrrd'],
      ['d', 'd.mha', 'd.mhd'],
      ['f', 'f.png', 'f.pgm.gz'],
    ],
  );
  t.same(missing.map(name), ['e.png']);
  t.same(extra.map(name), ['a_overlay.png']);
  await writeFile(path.join(pred, 'a.nii.gz'), '');
  await t.rejects(pairFolders(pred, truth), {
    code: 'ERR_DATASET',
    message: /a\.nii\.gz and .*a\.png share a base name/,
  });
  await t.rejects(pairFolders(path.join(root, 'nowhere'), truth), {
    code: 'ERR_DATASET',
    message: /nowhere/,
  });
});

t.test('which labels are scored, and what binary masks mean', async (t) => {
  const choose = (pred: number[], truth: number[], asked?: number[]) => {
    const { labels, predictions, truth: own } = chooseLabels([new Set(pred)], new Set(truth), asked);
    return [labels, predictions[0] ?? null, own];
  };
  const to = (from: number, label: number) => ({ from, to: label });
  t.same(choose([1, 2], [1, 3]), [[1, 2, 3], null, null]);
  t.same(choose([1, 2], [1, 3], [3]), [[3], null, null]);
  t.same(choose([255], [1]), [[1], to(255, 1), null]);
  t.same(choose([1], [255]), [[1], null, to(255, 1)]);
  t.same(choose([255], [255]), [[255], null, null]);
  t.same(choose([255], [2]), [[2], to(255, 2), null]);
  t.same(choose([1], [2]), [[1, 2], null, null], 'a wrong label is wrong');
  t.same(choose([], []), [[1], null, null]);
  t.same(choose([], [255]), [[255], null, null]);
  t.same(choose([255], [1, 2], [2]), [[2], to(255, 2), null]);
  t.same(choose([255, 128], [1, 2], [2]), [[2], null, null]);
  t.same(choose([128], [1, 2], [2]), [[2], to(128, 2), null]);
  t.same(choose([255], [255], [3]), [[3], to(255, 3), to(255, 3)]);
  t.same(choose([1, 2, 3], [255], [2]), [[2], null, to(255, 2)]);
  t.same(choose([2], [1, 2], [1]), [[1], null, null], 'a label of the truth is none by another name');
  t.same(choose([1], [2], [1]), [[1], null, null], 'nor is that of the truth');
  t.same(choose([], [], [7]), [[7], null, null]);
  t.same(chooseLabels([new Set([1, 2])], new Set([2]), [1, 2]).untrue, [1]);
  t.same(chooseLabels([new Set([1])], new Set([255]), [1]).untrue, []);
  const held = (message: RegExp) => ({ code: 'ERR_DATASET', message });
  t.throws(() => choose([1, 2], [1, 2], [7]), held(/No file holds label 7; they hold 1, 2\./));
  t.throws(() => choose([2], [2], [1]), held(/No file holds label 1; they hold 2\./));
  t.throws(() => choose([1], [1], [2]), held(/No file holds label 2/));
  t.throws(() => choose([1, 2], [1, 2], [1, 3, 4]), held(/No file holds label 3, 4/));
  t.throws(() => choose([255], [1, 2]), { code: 'ERR_DATASET', message: /labels 1, 2; .*--label/ });
  t.same(renamed(Uint8Array.from([0, 255, 7]), to(255, 2)), Uint8Array.from([0, 2, 0]));
  t.same(renamed(Uint8Array.from([0, 255]), to(255, 300)), Int32Array.from([0, 300]));
  const values = new Set<number>();
  valuesIn(Uint16Array.from([0, 5, 5, 0, 7, 5]), values);
  t.same([...values], [5, 7]);
});

t.test('axes of one voxel are none, while two are left', async (t) => {
  const axes = (...shape: [number, number, number]) => {
    const grid = volumeGrid(shape, [1, 2, 3]);
    return [grid.shape, grid.spacing];
  };
  t.same(axes(4, 5, 6), [
    [4, 5, 6],
    [1, 2, 3],
  ]);
  t.same(axes(4, 5, 1), [
    [4, 5],
    [1, 2],
  ]);
  t.same(axes(4, 1, 6), [
    [4, 6],
    [1, 3],
  ]);
  t.same(axes(1, 1, 6), [
    [1, 6],
    [1, 3],
  ]);
  t.same(axes(1, 1, 1), [
    [1, 1],
    [1, 2],
  ]);
});

t.test('subjects: by name, by pattern, by table', async (t) => {
  t.same(groupOf('patient001_frame12', 'acdc'), { subject: 'patient001', task: '', dataset: 'acdc' });
  t.equal(groupOf('p7-left', 'x', undefined, /^(p\d+)-/).subject, 'p7');
  const root = t.testdir({
    'ok.csv': '# who is who\nCase;Subject;Task\na;anna;heart\nb;;liver\n',
    'ok.json': '{"a": "anna", "b": {"task": "liver", "dataset": "ct"}}',
    'columns.csv': 'case,person\na,anna\n',
    'lines.csv': 'case,subject\na\n',
    'bad.json': '{"a": 3}',
    'broken.json': '{"a"',
  });
  const read = (file: string) => readCaseTable(path.join(root, file));
  const csv = await read('ok.csv');
  t.same(groupOf('a', 'set', csv), { subject: 'anna', task: 'heart', dataset: 'set' });
  t.same(groupOf('b', 'set', csv), { subject: 'b', task: 'liver', dataset: 'set' });
  const json = await read('ok.json');
  t.same(groupOf('a', 'set', json), { subject: 'anna', task: '', dataset: 'set' });
  t.same(groupOf('b', 'set', json), { subject: 'b', task: 'liver', dataset: 'ct' });
  t.same(groupOf('c_frame01', 'set', json), { subject: 'c', task: '', dataset: 'set' });
  for (const [file, message] of [
    ['columns.csv', /columns case, person/],
    ['lines.csv', /not valid CSV/],
    ['bad.json', /gives 3 for a/],
    ['broken.json', /not valid JSON/],
    ['none.csv', /--subjects/],
  ] as const)
    await t.rejects(read(file), { code: 'ERR_DATASET', message }, file);
});

/** A row whose metrics all are `value`. */
function row(
  where: { case: string; subject: string; label?: number; dataset?: string; task?: string },
  value: number,
  empty: Scores['empty'] = 'none',
): ScoreRow {
  const { label = 1, dataset = 'set', task = '' } = where;
  const numbers = { dice: value, jaccard: value, nsd: value, assd: value, assdPooled: value, asd: value };
  return {
    ...where,
    label,
    dataset,
    task,
    prediction: `pred/${where.case}.png`,
    truth: `truth/${where.case}.png`,
    scores: {
      ...{ ...numbers, asdReverse: value, hd: value, hd95: value, hd95Max: value },
      ...{ tolerance: 1, unit: 'mm', empty },
      volumes: { prediction: 1, truth: 1, unit: 'ml' },
      counts: { truePositives: 1, falsePositives: 0, falseNegatives: 0, trueNegatives: 0 },
    },
  };
}

t.test('image -> subject -> task -> data set -> mean', async (t) => {
  const rows = [
    row({ case: 'a1', subject: 'a' }, 0.2),
    row({ case: 'a2', subject: 'a' }, 0.4),
    row({ case: 'b1', subject: 'b' }, 0.9),
    row({ case: 'a1', subject: 'a', label: 2 }, 1, 'both'),
    row({ case: 'a2', subject: 'a', label: 2 }, 0, 'prediction'),
    row({ case: 'b1', subject: 'b', label: 2 }, 0.5),
    row({ case: 'x', subject: 'a', dataset: 'other' }, 0.3),
  ];
  const { tasks, datasets, all } = aggregate(rows, { resamples: 200 });
  const round = (value: number): number => Number(value.toFixed(12));
  t.same(
    tasks.map(({ dataset, label, images, subjects, metrics }) => [
      ...[dataset, label, images, subjects],
      round(metrics.dice.mean),
    ]),
    [
      ['set', 1, 3, 2, 0.6],
      ['set', 2, 3, 2, 0.5],
      ['other', 1, 1, 1, 0.3],
    ],
  );
  t.equal(round(tasks[0]!.perImage.dice), 0.5, 'images alone weigh subjects with many of them more');
  t.same(
    tasks[0]!.perSubject.map(({ subject, images, metrics }) => [subject, images, round(metrics.dice)]),
    [
      ['a', 2, 0.3],
      ['b', 1, 0.9],
    ],
  );
  t.same(tasks[1]!.empty, { both: 1, prediction: 1, truth: 0 });
  t.match(tasks[1]!.nonEmpty, { images: 1, metrics: { dice: 0.5 } });
  t.same(tasks[1]!.metrics.dice.interval, [0.5, 0.5]);
  t.same(tasks[0]!.metrics.dice.interval, [tasks[0]!.perSubject[0]!.metrics.dice, 0.9]);
  t.equal(tasks[2]!.metrics.dice.interval, null);
  t.same(
    datasets.map(({ dataset, tasks: n, images, subjects, metrics }) => [
      ...[dataset, n, images, subjects],
      round(metrics.dice.mean),
    ]),
    [
      ['set', 2, 3, 2, 0.55],
      ['other', 1, 1, 1, 0.3],
    ],
  );
  t.match(all, { datasets: 2, subjects: 3, images: 4 }, 'one name in two data sets is two subjects');
  t.equal(round(all.metrics.dice.mean), 0.425);
  t.match(aggregate([row({ case: 'x', subject: 'x' }, 1, 'truth')]).tasks[0], {
    nonEmpty: { images: 0, metrics: null },
  });
});

t.test('two methods: differences of the same subjects', async (t) => {
  const random = new Random(3);
  const draw = (gain: number): ScoreRow[] =>
    Array.from({ length: 24 }, (_, at) => {
      const [subject, label] = [`s${at % 12}`, 1 + Math.floor(at / 12)];
      return row({ case: `${subject}`, subject, label }, 0.5 + gain + 0.05 * random.next());
    });
  const [better, worse] = [draw(0.1), draw(0)];
  const [first, second, all] = compare(better, worse);
  t.match(first, { label: 1, metrics: { dice: { subjects: 12, wilcoxon: { n: 12, method: 'exact' } } } });
  t.equal(second!.label, 2);
  t.match(all, { label: null, metrics: { dice: { subjects: 12 } } }, 'a subject counts once');
  for (const { metrics } of [first!, second!, all!]) {
    t.ok(metrics.dice.difference > 0.05 && metrics.dice.interval![0] > 0);
    t.ok(metrics.dice.p! < 0.01 && metrics.dice.wilcoxon.p < 0.01);
    t.ok(Math.abs(metrics.dice.first - metrics.dice.second - metrics.dice.difference) < 1e-12);
  }
  for (const { metrics } of compare(better, better))
    t.match(metrics.dice, { difference: 0, interval: [0, 0], p: 1, wilcoxon: { n: 0, p: 1 } });
  const shuffled = compare(random.shuffle(better), random.shuffle(worse));
  t.same(shuffled.at(-1), all, 'pairs go by name, not by place');
  for (const one of shuffled.slice(0, 2)) t.same(one, [first, second][one.label! - 1]);
  for (const [own, other] of [
    [better, worse.slice(1)],
    [better.slice(1), worse],
    [better, [...worse, worse[0]!]],
  ] as const)
    t.throws(() => compare(own, other), { code: 'ERR_DATASET', message: /makes no pair/ });
  t.equal(compare(better.slice(0, 12), worse.slice(0, 12)).length, 1);
});

t.test('CSV: names with commas and quotes survive', async (t) => {
  const csv = scoresCsv([row({ case: 'a,"b"', subject: 'anna' }, 0.25)]);
  const [head, line, end] = csv.split('\n');
  t.match(head, /^case,subject,task,dataset,label,empty,Dice,IoU,/);
  t.match(line, /^"a,""b""",anna,,set,1,none,0\.25,0\.25,1,0,0,0,1,1,/);
  t.equal(end, '');
});
