/** What experiments make of scores: levels, spreads, pairs; and how they score and count minutes. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { type Answers, changes, type QueryRow, type Run, rowsOf } from '../../lib/experiment/answers.js';
import { compareAnswers } from '../../lib/experiment/comparisons.js';
import { minutesSpent } from '../../lib/experiment/minutes-spent.js';
import { METRICS, scoreMask } from '../../lib/experiment/score-mask.js';
import { summarise } from '../../lib/experiment/summary.js';
import type { UnitResult } from '../../lib/experiment/unit.js';
import { Random } from '../../lib/statistics/random.js';

const [DICE, JACCARD, ASSD] = METRICS as [
  (typeof METRICS)[number],
  (typeof METRICS)[number],
  (typeof METRICS)[number],
];
const round = (value: number): number => Number(value.toFixed(12));

function row(
  dataset: string,
  subject: string,
  image: string,
  dice: number,
  more: Partial<QueryRow> = {},
): QueryRow {
  const scores = { dice, jaccard: dice / (2 - dice), assd: 10 * (1 - dice) };
  return {
    dataset,
    subject,
    task: `${dataset}/organ`,
    label: 1,
    case: image,
    draw: 0,
    unit: 'mm',
    scores,
    ...more,
  };
}

function answers(runs: readonly (readonly QueryRow[])[], instance = (_: number) => 'a'): Answers {
  const own = runs.map((rows, at): Run => ({ instance: instance(at), draw: rows[0]!.draw, rows }));
  return { runs: own, complete: true, draws: new Set(own.map(({ draw }) => draw)).size };
}

/** Two draws of queries of seven subjects in two data sets, one subject with two images. */
function drawn(seed: number, gain = 0): Answers {
  const random = new Random(seed);
  const run = (draw: number) =>
    ['a0', 'a0b', 'a1', 'a2', 'a3', 'b0', 'b1', 'b2'].map((image) =>
      row(image[0]!, image.slice(0, 2), image, 0.3 + gain + 0.3 * random.next(), { draw }),
    );
  return answers([run(0), run(1)]);
}

t.test('image -> subject -> task -> data set, spread between draws, interval over subjects', async (t) => {
  const first = [
    row('a', 's', '1', 0.2),
    row('a', 's', '2', 0.4),
    row('a', 'u', '3', 0.9),
    row('b', 's', '4', 0.5),
  ];
  const second = first.map((one) => ({
    ...one,
    draw: 1,
    scores: { ...one.scores, dice: one.scores.dice + 0.1 },
  }));
  const found = summarise(answers([first, second]));
  t.equal(round(found.mean), 0.6, '((0.3 + 0.9) / 2 + 0.5) / 2, and 0.1 more');
  t.same(found.values.map(round), [0.55, 0.65]);
  t.equal(round(found.std), round(Math.sqrt(0.005)));
  t.match(found, { queries: 4, subjects: 3, draws: 2, seeds: 1, unit: 'mm' });
  t.same(found.interval!.map(round), [0.45, 0.75], 'of the data set with two subjects, the other one stands');
  const seeds = summarise(answers([first, first], (at) => `a.s${at}`));
  t.match(seeds, { draws: 1, seeds: 2, std: 0 });
  t.equal(summarise(answers([[first[3]!]])).interval, null, 'one subject');
});

t.test('distances in millimetres and in pixels have no mean; nothing has none', async (t) => {
  const mixed = answers([[row('a', 's', '1', 0.2), row('b', 's', '2', 0.4, { unit: 'px' })]]);
  t.match(summarise(mixed, DICE), { queries: 2, unit: null });
  t.equal(round(summarise(mixed, DICE).mean), 0.3);
  t.match(summarise(mixed, ASSD), { mean: Number.NaN, values: [], unit: null });
  t.equal(compareAnswers(mixed, mixed, ASSD), null);
  t.match(summarise({ runs: [], complete: false, draws: 0 }), { mean: Number.NaN, queries: 0, draws: 0 });
});

t.test('a method compared with itself', async (t) => {
  for (const metric of [DICE, JACCARD, ASSD]) {
    const found = compareAnswers(drawn(1), drawn(1), metric);
    t.match(found, {
      difference: 0,
      interval: [0, 0],
      p: 1,
      subjects: 7,
      wilcoxon: { n: 0, zeros: 7, p: 1 },
    });
  }
});

t.test('a better method, whatever the order of its rows', async (t) => {
  const [better, worse] = [drawn(1, 0.4), drawn(2)];
  const found = compareAnswers(better, worse, DICE)!;
  t.ok(found.difference > 0.3 && found.interval![0] > 0.2 && found.p! < 0.001);
  t.equal(found.wilcoxon.p, 2 / 2 ** 7);
  t.equal(round(found.difference), round(summarise(better).mean - summarise(worse).mean));
  const random = new Random(9);
  const shuffled = (own: Answers): Answers => ({
    ...own,
    runs: random.shuffle(own.runs.map((run) => ({ ...run, rows: random.shuffle(run.rows) }))),
  });
  t.same(compareAnswers(shuffled(better), shuffled(worse), DICE), found);
  const turned = compareAnswers(worse, better, DICE)!;
  t.equal(turned.difference, -found.difference);
  t.equal(turned.wilcoxon.p, found.wilcoxon.p);
  t.same(summarise(shuffled(better)).interval!.map(round), summarise(better).interval!.map(round));
});

t.test('seeds of a training are repetitions of one answer', async (t) => {
  const [one, other] = [drawn(1), drawn(2)];
  const twice = { ...other, runs: [...other.runs, ...other.runs.map((run) => ({ ...run, instance: 'b' }))] };
  const [found, expected] = [compareAnswers(one, twice, DICE)!, compareAnswers(one, other, DICE)!];
  t.equal(round(found.difference), round(expected.difference));
  t.equal(found.wilcoxon.p, expected.wilcoxon.p);
});

t.test('what makes no pair is refused, what is not complete left out', async (t) => {
  const own = drawn(1);
  const lacking = { ...own, runs: [own.runs[0]!, { ...own.runs[1]!, rows: own.runs[1]!.rows.slice(1) }] };
  for (const [first, second] of [[own, lacking] as const, [lacking, own] as const])
    t.throws(() => compareAnswers(first, second, DICE), {
      code: 'ERR_DATASET',
      message: /"a0",1\] .* makes no pair/,
    });
  t.throws(() => changes(own, lacking, 1), { code: 'ERR_DATASET' });
  const other = answers(own.runs.map(({ rows }) => rows.map((each) => ({ ...each, draw: each.draw + 1 }))));
  t.throws(() => compareAnswers(own, other, DICE), { code: 'ERR_DATASET' }, 'another support set');
  t.equal(compareAnswers(own, { ...own, complete: false }, DICE), null);
});

t.test('slices of one name stay apart', async (t) => {
  const query = {
    name: 'p1-0',
    subject: 'p1',
    scores: { dice: 1, jaccard: 1, assd: 0 },
    unit: 'mm',
    empty: 'none',
  };
  const result = { task: 'a/organ', queries: [query, query] } as unknown as UnitResult;
  const rows = rowsOf(result, 'a', 3);
  t.match(rows, [{ dataset: 'a', case: 'p1-0', draw: 3 }, { case: 'p1-0#2' }]);
  t.equal(summarise(answers([rows])).queries, 2);
});

t.test('changes go query by query', async (t) => {
  const [after, before] = [drawn(1, 0.2), drawn(2)];
  const [gained, lost] = ([1, -1] as const).map((sign) => summarise(changes(after, before, sign)));
  t.equal(round(gained!.mean), round(summarise(after).mean - summarise(before).mean));
  t.equal(round(lost!.mean), round(-gained!.mean));
  t.match(gained, { queries: 8, subjects: 7, draws: 2 });
});

t.test('scores follow the rules of evaluate()', async (t) => {
  const settings = { signal: new AbortController().signal };
  const mask = (...values: number[]) => ({ data: Uint8Array.from(values), width: 4, height: 3 });
  const [none, some] = [mask(...new Array(12).fill(0)), mask(0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0)];
  const shifted = mask(0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0);
  t.match(await scoreMask(some, some, settings), {
    scores: { dice: 1, jaccard: 1, assd: 0 },
    unit: 'px',
    empty: 'none',
  });
  const [pixels, millimetres] = [
    await scoreMask(shifted, some, settings),
    await scoreMask(shifted, some, { ...settings, spacing: [3, 3] }),
  ];
  t.match(millimetres, { scores: { dice: 0.5 }, unit: 'mm' });
  t.equal(round(millimetres.scores.assd), round(3 * pixels.scores.assd));
  t.match(await scoreMask(none, none, settings), { scores: { dice: 1, jaccard: 1, assd: 0 }, empty: 'both' });
  t.match(await scoreMask(none, some, settings), {
    scores: { dice: 0, jaccard: 0, assd: 5 },
    empty: 'prediction',
  });
  t.match(await scoreMask(some, none, settings), {
    scores: { dice: 0, jaccard: 0, assd: 5 },
    empty: 'truth',
  });
});

t.test('minutes of a training count up to its newest checkpoint', async (t) => {
  const folder = t.testdir({ 'checkpoint-00000001.safetensors': '', 'checkpoint-00000002.safetensors': '' });
  t.equal(await minutesSpent(folder), 0);
  const lines = [
    ...[1, 2, 3].map((step) => JSON.stringify({ type: 'step', step, ms: 30_000 })),
    JSON.stringify({ type: 'validation', step: 2, ms: 1e9 }),
    '{"type":"st',
  ];
  await writeFile(join(folder, 'metrics.jsonl'), lines.join('\n'));
  t.equal(await minutesSpent(folder), 1);
});
