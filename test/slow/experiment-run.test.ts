/** Each experiment, end to end, on tiny data with tiny models; and what a folder of results refuses. */
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import type { UnitResult } from '../../lib/experiment/unit.js';
import { gmiseg } from '../helpers/cli.js';
import {
  type ExperimentJson,
  resultsOf,
  smallExperiment,
  TINY_METHOD,
  tinyTraining,
  writeConfig,
  writeDiscStore,
} from '../helpers/experiments.js';
import { TINY, TINY_WEIGHTS } from '../helpers/models.js';

interface Ran {
  readonly out: string;
  readonly html: string;
  readonly results: UnitResult[];
}

/** Runs an experiment on the small data with `extra` in its config. */
async function run(t: Test, name: string, extra: ExperimentJson): Promise<Ran> {
  const folder = t.testdir();
  const { data, base } = await smallExperiment(folder);
  const config = await writeConfig(folder, { ...base, ...extra });
  const out = join(folder, 'out');
  const where = ['--config', config, '--data', data, '--out', out];
  const done = await gmiseg(['experiment', name, ...where, '--device', 'cpu', '--threads', '1', '--json']);
  t.equal(done.code, 0, done.stderr);
  const summary = JSON.parse(done.stdout);
  const results = Object.values(await resultsOf(out)) as UnitResult[];
  const report = join(out, 'report.html');
  t.match(summary, { experiment: name, left: 0, units: results.length, done: results.length, report });
  const html = await readFile(report, 'utf8');
  t.match(html, /<dt>command<\/dt><dd>gmiseg /);
  t.match(html, /&quot;draws&quot;: \d/, 'the config is in the report');
  t.notMatch(html, /(?:src|href)="(?!data:)/, 'it needs no other file');
  t.notMatch(html.replace(/data:[^"]*/g, ''), /NaN|undefined/);
  return { out, html, results };
}

/** A CSV file of the report as objects. */
async function table(out: string, name: string): Promise<Record<string, string>[]> {
  const [head, ...rows] = (await readFile(join(out, 'report', `${name}.csv`), 'utf8')).trim().split('\r\n');
  const columns = (head as string).split(',');
  return rows.map((row) => Object.fromEntries(row.split(',').map((cell, at) => [columns[at], cell])));
}

/** A chart's PNG holds more than paper. */
async function drawn(t: Test, out: string, name: string): Promise<void> {
  const { channels } = await sharp(join(out, 'report', `${name}.png`)).stats();
  t.ok((channels[0]?.stdev ?? 0) > 5, `${name}.png shows something`);
  t.match(await readFile(join(out, 'report', `${name}.svg`), 'utf8'), /^<svg /);
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-9;

t.test('table2: methods and data sets, examples and boxes apart', async (t) => {
  const { out, html, results } = await run(t, 'table2', {});
  // 3 tasks x 2 methods x 2 sizes x 2 draws, and boxes for the method that takes them.
  t.equal(results.length, 24 + 3);
  for (const { queries } of results) {
    for (const { scores, unit, empty } of queries) {
      t.ok(near(scores.jaccard, scores.dice / (2 - scores.dice)), 'J = D / (2 - D)');
      t.ok(scores.assd >= 0 && unit === 'mm' && (scores.dice > 0 || empty !== 'both'));
    }
  }
  const of = (method: string, task: string, n: number): UnitResult[] =>
    results.filter((each) => each.method === method && each.task === task && each.n === n);
  const [tiny, threshold] = [of('tiny', 'one/bright', 3)[0]!, of('threshold', 'one/bright', 3)[0]!];
  t.equal(tiny.supports.length, 3);
  t.same(tiny.supports, threshold.supports, 'the same examples for both methods');
  const names = ({ queries }: UnitResult): string[] => queries.map(({ name }) => name);
  t.same(names(tiny), names(threshold), 'and the same queries');
  const [first] = of('tiny', 'two/dark', 3);
  t.equal(new Set(first?.supports.map((name) => name.split('-')[0])).size, 3, 'of three subjects');

  const rows = await table(out, 'table-n3');
  t.equal(rows.length, 3 * 2);
  const dice = (own: readonly UnitResult[]): number =>
    mean(
      own.map(({ queries }) => {
        const subjects = [...new Set(queries.map(({ subject }) => subject))];
        return mean(
          subjects.map((subject) =>
            mean(queries.filter((query) => query.subject === subject).map(({ scores }) => scores.dice)),
          ),
        );
      }),
    );
  const one = mean(['one/bright', 'one/both'].map((task) => dice(of('tiny', task, 3))));
  const two = dice(of('tiny', 'two/dark', 3));
  const cell = (set: string): number =>
    Number(rows.find((row) => row['data set'] === set && row.method === 'tiny')?.Dice);
  t.ok(near(cell('one'), one), `${cell('one')} is the mean over tasks, ${one}`);
  t.ok(near(cell('two'), two));
  t.ok(near(cell('all'), (one + two) / 2), 'data sets count alike');
  t.equal(rows.find((row) => row.method === 'threshold')?.['boxes: Dice'], '');
  for (const row of rows) {
    t.match(row, { draws: '2', seeds: '1', 'ASSD in': 'mm' });
    t.same(
      [row.queries, row.subjects],
      { one: ['6', '2'], two: ['3', '2'], all: ['9', '4'] }[row['data set']!],
    );
    const [low, middle, high] = ['Dice ci low', 'Dice', 'Dice ci high'].map((key) => Number(row[key]));
    t.ok(low! <= middle! && middle! <= high! && row['Dice sd'] !== '');
  }
  await compared(t, out, html, rows);
  const queries = await table(out, 'queries');
  t.equal(
    queries.length,
    results.reduce((sum, each) => sum + each.queries.length, 0),
  );
  await drawn(t, out, 'dice');
  t.equal(html.match(/<img /g)?.length, 1 + 3, 'a chart and a sheet for each task');
  const sheet = await sharp(join(out, 'report', 'sheet-one-bright.png')).metadata();
  t.ok((sheet.width ?? 0) > 3 * 150, 'three pictures in a row');
});

/** The comparisons of a table with 3 examples: each difference is that of the table's means. */
async function compared(t: Test, out: string, html: string, rows: Record<string, string>[]): Promise<void> {
  t.match(html, /Paired were, subject by subject, the means over the same queries and support sets/);
  const comparisons = await table(out, 'comparisons');
  t.equal(comparisons.length, 2 * 3 * 3, 'sizes x data sets and all x metrics');
  for (const one of comparisons) {
    t.match(one, { method: 'tiny', against: 'threshold', 'comparisons corrected together': '3' });
    for (const test of ['p bootstrap', 'p Wilcoxon'])
      t.ok(Number(one[`${test} Holm`]) >= Number(one[test]) && Number(one[test]) > 0);
    if (one.examples !== '3') continue;
    const [tiny, threshold] = rows.filter((row) => row['data set'] === one['data set']);
    const difference = Number(tiny![one.metric!]) - Number(threshold![one.metric!]);
    t.ok(near(Number(one.difference), difference), `${one['data set']}, ${one.metric}`);
  }
  const shown = await table(out, 'comparisons-n3');
  t.equal(shown.length, 3);
  t.equal(
    shown[0]!['Dice: p Wilcoxon'],
    comparisons.find(({ examples }) => examples === '3')!['p Wilcoxon Holm'],
  );
}

t.test('figure4: pictures', async (t) => {
  const { out, results } = await run(t, 'figure4', { supports: [2] });
  t.equal(results.length, 3 * 2);
  t.equal(results.filter(({ queries }) => queries.filter(({ mask }) => mask).length === 2).length, 6);
  const files = await readdir(join(out, 'report'));
  t.equal(files.filter((name) => name.startsWith('sheet-')).length, 3);
  // Of pools that are taken whole all draws are one, which has pictures then.
  const whole = await run(t, 'table2', { supports: [50], draws: 2 });
  const asked = whole.results.filter(({ protocol }) => protocol === 'support');
  t.equal(asked.length, 3 * 2);
  t.ok(asked.every(({ queries }) => queries.filter(({ mask }) => mask).length === 2));
});

t.test('figure5: shares of the training data sets', async (t) => {
  const { out, results } = await run(t, 'figure5', {
    methods: { pooled: tinyTraining({ kind: 'pooled' }), plain: { ...TINY_METHOD, label: 'plain' } },
    train: ['one', 'two'],
    test: ['two'],
    supports: [2],
    shares: [0.5, 1],
    subsets: 2,
    draws: 1,
  });
  t.equal(results.length, 2 * 2 + 1);
  const records = await Promise.all(
    ['sets1.0', 'sets1.1', 'sets2.0', 'sets2.1'].map(async (name) =>
      JSON.parse(await readFile(join(out, 'trainings', `pooled.${name}`, 'done.json'), 'utf8')),
    ),
  );
  t.same(
    records.map(({ data }) => data.length),
    [1, 1, 2, 2],
  );
  const rows = await table(out, 'share-table');
  t.match(rows[0], { queries: '3', subjects: '2', draws: '1', seeds: '2' });
  t.ok(Number(rows[0]!['Dice ci low']) <= Number(rows[0]!.Dice));
  t.same(
    rows.map((row) => [row.method, row.share, row['data sets']]),
    [
      ['pooled', '0.5', '1'],
      ['pooled', '1', '2'],
      ['plain', '0.5', '1'],
      ['plain', '1', '2'],
    ],
  );
  await drawn(t, out, 'share');
});

t.test('figure6: sizes of the support set, with ensembles', async (t) => {
  const { out, results } = await run(t, 'figure6', {
    methods: { tiny: TINY_METHOD },
    supports: [1, 2, 64],
    ensemble: 2,
    draws: 2,
  });
  // The pool holds 6 slices: 64 takes them all, once, with one prediction.
  const sizes = results
    .filter(({ task }) => task === 'two/dark')
    .map((each) => [each.n, each.draw, each.ensemble]);
  t.same(
    sizes.sort((a, b) => a[0]! - b[0]! || a[2]! - b[2]! || a[1]! - b[1]!),
    [
      [1, 0, 1],
      [1, 1, 1],
      [1, 0, 2],
      [1, 1, 2],
      [2, 0, 1],
      [2, 1, 1],
      [2, 0, 2],
      [2, 1, 2],
      [6, 0, 1],
    ],
  );
  const two = results.find(({ n, ensemble }) => n === 2 && ensemble === 2);
  t.equal(two?.supports.length, 4, 'each member has a support set of its own');
  const rows = await table(out, 'support-table');
  t.same(
    rows
      .filter((row) => row['data set'] === 'two' && row.method === 'tiny')
      .map(({ examples, queries, subjects, draws, seeds }) => [examples, queries, subjects, draws, seeds]),
    [
      ['1', '3', '2', '2', '1'],
      ['2', '3', '2', '2', '1'],
      ['64', '3', '2', '1', '1'],
    ],
  );
  await drawn(t, out, 'support-all');
  await drawn(t, out, 'support-data-sets');
});

t.test('figure7: many random subsets of few examples', async (t) => {
  const { out, results } = await run(t, 'figure7', {
    methods: { threshold: { kind: 'engine', engine: 'threshold' } },
    test: ['two'],
    supports: [1, 2, 64],
    draws: 6,
    queries: 2,
  });
  t.equal(results.length, 6 + 6 + 1);
  t.ok(new Set(results.filter(({ n }) => n === 1).map(({ supports }) => supports[0])).size > 1);
  const rows = await table(out, 'examples-table');
  t.same(
    rows.map(({ n, subsets }) => [n, subsets]),
    [
      ['1', '6'],
      ['2', '6'],
      ['64', '6'],
    ],
  );
  t.equal(Number(rows.at(-1)?.variance), 0);
  await drawn(t, out, 'examples');
});

t.test('forgetting: gained where adapted, lost elsewhere', async (t) => {
  const { out, results } = await run(t, 'forgetting', {
    methods: {
      before: { ...TINY_METHOD, label: 'before' },
      lora: tinyTraining({ kind: 'lora', rank: 2 }),
      pooled: tinyTraining({ kind: 'pooled', gate: 'shared' }),
      full: tinyTraining(null),
    },
    reference: 'before',
    train: ['one'],
    test: ['one'],
    held: ['two'],
    supports: [2],
    draws: 1,
    queries: 2,
    seeds: [0, 1],
  });
  // (1 + 3 x 2) methods x 3 tasks x (examples, boxes)
  t.equal(results.length, 7 * 3 * 2);
  for (const protocol of ['support', 'boxes']) {
    const rows = await table(out, `gained-lost-${protocol}-table`);
    t.same(
      rows.map(({ method }) => method),
      ['before', 'lora', 'pooled', 'full'],
    );
    const [before, ...after] = rows;
    t.equal(before?.['trainable parameters'], '0');
    t.equal(before?.gained, '');
    for (const row of after) {
      const [there, elsewhere] = ['Dice where adapted', 'Dice elsewhere'].map((column) =>
        [row, before].map((each) => Number(each?.[column])),
      ) as [number[], number[]];
      t.ok(near(Number(row.gained), there[0]! - there[1]!), `${row.method} gained`);
      t.ok(near(Number(row.lost), elsewhere[1]! - elsewhere[0]!), `${row.method} lost`);
    }
    const [lora, pooled, full] = after.map((row) => Number(row['of these in the adapter']));
    t.ok(lora! > 0 && pooled! > 0 && lora !== pooled && full === 0, 'parameters of the adapters');
    t.ok(after.every((row) => Number(row['trainable parameters']) > 0));
    await drawn(t, out, `gained-lost-${protocol}`);
  }
  const points = await table(out, 'gained-lost-support');
  t.equal(points.filter(({ kind }) => kind === 'seed').length, 3 * 2);
  t.equal(points.filter(({ kind }) => kind === 'mean').length, 3);
  t.ok(existsSync(join(out, 'trainings', 'full.s1', 'model.safetensors')));
});

t.test('ablation: variants beside one another', async (t) => {
  const { out } = await run(t, 'ablation', {
    methods: {
      learned: tinyTraining({ kind: 'pooled', gate: 'learned' }),
      identity: { ...tinyTraining({ kind: 'pooled', gate: 'identity' }), label: 'identity, "quoted", <b>' },
    },
    train: ['one'],
    test: ['two'],
    supports: [2],
    draws: 1,
  });
  const html = await readFile(join(out, 'report.html'), 'utf8');
  t.match(html, 'identity, &quot;quoted&quot;, &lt;b&gt;');
  t.notMatch(html, '<b>');
  const csv = await readFile(join(out, 'report', 'variants-table.csv'), 'utf8');
  t.match(csv, '"identity, ""quoted"", <b>"');
  const rows = (await table(out, 'comparisons')).filter(({ metric }) => metric === 'Dice');
  t.match(rows, [{ method: 'learned', 'p Wilcoxon': /./ }]);
  await drawn(t, out, 'variants');
});

t.test('baselines: a budget, the best weights, a U-Net for each task', async (t) => {
  const train = { episodes: true, steps: 4, batchSize: 1, supports: [2], queries: 2, validateEvery: 2 };
  const universeg = { kind: 'baseline', name: 'universeg', config: { widths: [4, 4, 4] }, imageSize: 32 };
  const { out, results } = await run(t, 'table2', {
    methods: {
      universeg: { ...universeg, train: { ...train, validateSamples: 2 }, choose: 'best' },
      hurried: { ...universeg, train: { ...train, maxMinutes: 1e-6 }, choose: 'best' },
      unet: {
        ...{ kind: 'baseline', name: 'unet', config: { widths: [4, 8] }, imageSize: 32 },
        ...{ perTask: true, train: { steps: 2, batchSize: 1, validateEvery: 1, validateSamples: 2 } },
        choose: 'best',
      },
    },
    train: ['one'],
    supports: [1, 2],
    draws: 2,
    queries: 2,
    pictures: 0,
    maxMinutes: 5,
  });
  // Examples make no difference to a U-Net: one unit for each of the three tasks.
  t.equal(results.length, 2 * 3 * 2 * 2 + 3);
  t.same([...new Set(results.filter(({ method }) => method === 'unet').map(({ n }) => n))], [0]);
  const trainings = await table(out, 'trainings');
  t.same(
    trainings.map(({ training, data, steps, weights }) => [training, data, steps, weights]),
    [
      ['universeg.s0', 'one', '4', 'best'],
      ['hurried.s0', 'one', '0', 'last'],
      ['unet.s0/one/bright', 'one/bright', '2', 'best'],
      ['unet.s0/one/both', 'one/both', '2', 'best'],
      ['unet.s0/two/dark', 'two/dark', '2', 'best'],
    ],
  );
  const { slices, labels } = JSON.parse(
    await readFile(join(out, 'task-stores', 'one', 'both', 'index.json'), 'utf8'),
  );
  t.same(labels, { one: { 1: 'both' } }, 'several labels are one target');
  t.same([...new Set(slices.map(({ split }: { split: string }) => split))], ['train', 'val']);
  const config = JSON.parse(await readFile(join(out, 'trainings', 'universeg.s0', 'config.json'), 'utf8'));
  t.equal(config.options.maxMinutes, 5);
  const rows = await table(out, 'table-n2');
  t.match(rows.find((row) => row.method === 'unet')!, { draws: '1', seeds: '1' });
  const comparisons = await table(out, 'comparisons');
  t.equal(comparisons.filter(({ metric }) => metric === 'Dice').length, 2 * 2 * 3);
});

t.test('trained on one machine, asked on another', async (t) => {
  const folder = t.testdir();
  const { data, base } = await smallExperiment(folder);
  const config = await writeConfig(folder, {
    ...base,
    methods: { tiny: TINY_METHOD, adapted: tinyTraining({ kind: 'lora' }, 1) },
    train: ['one'],
    test: ['two'],
    seeds: [0, 1],
    supports: [1],
    draws: 1,
    queries: 1,
    pictures: 0,
  });
  const experiment = (out: string, where: string, ...more: string[]): ReturnType<typeof gmiseg> =>
    gmiseg([
      'experiment',
      'table2',
      '--config',
      config,
      '--data',
      where,
      '--out',
      out,
      '--device',
      'cpu',
      ...more,
    ]);
  // Where the training is done there is nothing to ask.
  const there = join(folder, 'there');
  await rename(join(data, 'two'), join(folder, 'kept'));
  const first = await experiment(there, data, '--train-only', '--shard', '1/2');
  t.equal(first.code, 0, first.stderr);
  t.match(first.stdout, /1 of 2 trainings are done/);
  const second = await experiment(there, data, '--train-only', '--shard', '2/2', '--json');
  t.match(JSON.parse(second.stdout), { units: 2, done: 1, left: 0, report: null });
  await rename(join(folder, 'kept'), join(data, 'two'));

  const here = join(folder, 'here');
  await mkdir(here);
  await cp(join(there, 'trainings'), join(here, 'trainings'), { recursive: true });
  const record = (out: string): Promise<string> =>
    readFile(join(out, 'trainings', 'adapted.s1', 'done.json'), 'utf8');
  const asked = await experiment(here, data, '--json');
  t.match(JSON.parse(asked.stdout), { left: 0 }, asked.stderr);
  t.equal(await record(here), await record(there), 'nothing was trained again');
  t.equal((await experiment(here, data, '--train-only', '--report')).code, 2, 'one or the other');
});

t.test('stores are imported and painted on the way, a single volume is cut in halves', async (t) => {
  const { out, results } = await run(t, 'table2', {
    datasets: {
      drawn: { store: 'one', groups: { bright: [1], rest: [0] }, halves: true },
      painted: { synth: { tasks: 2, subjects: 6, size: 32, seed: 7 }, minPixels: 1 },
    },
    methods: { threshold: { kind: 'engine', engine: 'threshold' } },
    test: ['drawn', 'painted'],
    supports: [1],
    draws: 1,
  });
  t.ok(existsSync(join(out, 'stores', 'painted', 'index.json')));
  const tasks = [...new Set(results.map(({ task }) => task))];
  t.ok(tasks.includes('drawn/rest'));
  t.ok(tasks.some((task) => task.startsWith('painted/synth-')));
});

async function command(
  t: Test,
): Promise<(config: ExperimentJson, ...args: string[]) => Promise<{ code: number | null; stderr: string }>> {
  const folder = t.testdir();
  const { data, base } = await smallExperiment(folder);
  await copyFile(TINY_WEIGHTS, join(data, 'model.safetensors'));
  await writeFile(join(data, 'config.json'), JSON.stringify(TINY));
  const tiny = { ...TINY_METHOD, model: 'model.safetensors' };
  const small = { ...base, methods: { tiny }, supports: [1], draws: 1, queries: 1, test: ['two'] };
  return async (extra, ...args) => {
    const { out = 'out', ...rest } = extra;
    const config = await writeConfig(folder, { ...small, ...rest });
    const where = [
      '--config',
      config,
      '--out',
      join(folder, String(out)),
      '--device',
      'cpu',
      '--threads',
      '1',
    ];
    return await gmiseg(['experiment', 'table2', ...where, ...(args.length > 0 ? args : ['--data', data])]);
  };
}

t.test(
  'a folder keeps to the config, the data and the model it was begun with, and to results of its kind',
  async (t) => {
    const run = await command(t);
    const data = join(t.testdirName, 'data');
    const first = await run({});
    t.equal(first.code, 0, first.stderr);
    t.equal((await run({})).code, 0, 'the same again');

    const changed = await run({ draws: 2, seed: 5 });
    t.equal(changed.code, 1);
    t.match(changed.stderr, /config\.draws, config\.seed changed/);
    t.match(changed.stderr, /name another --out.*ERR_INVALID_ARG/);

    const file = join(t.testdirName, 'out', 'results', 'tiny', 'two', 'dark', 'n1-d0.json');
    const { schema, ...result } = JSON.parse(await readFile(file, 'utf8'));
    t.equal(schema, 2);
    for (const query of result.queries) {
      query.scores = { dice: query.scores.dice, jaccard: query.scores.jaccard };
      delete query.unit;
    }
    await writeFile(file, JSON.stringify(result));
    const earlier = await run({});
    t.equal(earlier.code, 1, 'results without surface distances');
    t.match(
      earlier.stderr,
      /n1-d0\.json was written by an earlier version.*Remove .*results.*ERR_INVALID_ARG/s,
    );
    await writeFile(file, '{"schema": 2}');
    t.match(await run({}), { code: 1, stderr: /is damaged.*ERR_IO/s });

    await writeDiscStore(join(data, 'three'), { dataset: 'other', shift: 5 });
    for (const name of ['index.json', 'slices-000.safetensors'])
      await copyFile(join(data, 'three', name), join(data, 'two', name));
    const replaced = await run({});
    t.equal(replaced.code, 1);
    t.match(replaced.stderr, /The data set two is not what .* was begun with/);
  },
);

t.test('what a command line lacks', async (t) => {
  const run = await command(t);
  const nowhere = await run({}, '--threads', '1');
  t.equal(nowhere.code, 1);
  t.match(nowhere.stderr, /--data/);
  for (const shard of ['0/2', '3/2', '1', 'a/b']) {
    const refused = await run({}, '--shard', shard);
    t.equal(refused.code, 2, shard);
    t.match(refused.stderr, /--shard/);
  }
  t.equal((await gmiseg(['experiment', 'table3', '--config', 'small', '--out', 'x'])).code, 2);
  const empty = await run({ out: 'empty', datasets: { two: { store: 'two', groups: { nothing: [9] } } } });
  t.equal(empty.code, 1);
  t.match(empty.stderr, /0 slices to draw supports from and 0 queries for nothing.*ERR_DATASET/s);
});
