/** An experiment that is killed, stopped or shared goes on to the same results. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Random } from '../../lib/statistics/random.js';
import { interrupt } from '../helpers/child.js';
import { gmiseg, gmisegProcess, spawnGmiseg } from '../helpers/cli.js';
import {
  resultsOf,
  smallExperiment,
  TINY_METHOD,
  tinyTraining,
  writeConfig,
} from '../helpers/experiments.js';

const STEPS = 40;
/** Two methods, two tasks, from supports and from boxes. */
const UNITS = 2 * 2 * 2;

interface Prepared {
  readonly folder: string;
  readonly args: (out: string) => string[];
}

/** A comparison of two methods, one of them trained first: 8 units. */
async function prepare(t: Test): Promise<Prepared> {
  const folder = t.testdir();
  const { data, base } = await smallExperiment(folder);
  const config = await writeConfig(folder, {
    ...base,
    methods: { tiny: TINY_METHOD, pooled: tinyTraining({ kind: 'pooled' }, STEPS) },
    train: ['one'],
    test: ['one'],
    supports: [2],
    draws: 1,
    queries: 1,
    pictures: 0,
  });
  const common = [
    'experiment',
    'table2',
    '--config',
    config,
    '--data',
    data,
    '--device',
    'cpu',
    '--threads',
    '1',
  ];
  return { folder, args: (out) => [...common, '--out', out, '--json'] };
}

function results(out: string): number {
  if (!existsSync(join(out, 'results'))) return 0;
  const all = readdirSync(join(out, 'results'), { recursive: true }) as string[];
  return all.filter((name) => name.endsWith('.json')).length;
}

function steps(out: string): number {
  const file = join(out, 'trainings', 'pooled.s0', 'metrics.jsonl');
  if (!existsSync(file)) return 0;
  return readFileSync(file, 'utf8').match(/"type":"step"/g)?.length ?? 0;
}

/** Files that only a write which was cut off leaves. */
function leftovers(out: string): string[] {
  const all = readdirSync(out, { recursive: true }) as string[];
  return all.filter((name) => /\.tmp$|\.lock$/.test(name));
}

t.test('killed, stopped and resumed, or in shards: the same as one run', async (t) => {
  const { folder, args } = await prepare(t);
  const alone = join(folder, 'alone');
  const whole = await gmiseg(args(alone));
  t.equal(whole.code, 0, whole.stderr);
  const expected = await resultsOf(alone);
  t.equal(Object.keys(expected).length, UNITS);

  await t.test('killed among its units and in its training', async (t) => {
    const out = join(folder, 'killed');
    // Another place each time the test runs; the message tells which.
    const random = new Random(Date.now() % 1_000_000);
    const units = 1 + random.below(3);
    const step = 2 + random.below(10);
    const first = await interrupt(spawnGmiseg(args(out)), 'SIGKILL', () => results(out) >= units);
    t.equal(first.signal, 'SIGKILL', `killed after ${units} units`);
    const second = await interrupt(spawnGmiseg(args(out)), 'SIGKILL', () => steps(out) >= step);
    t.equal(second.signal, 'SIGKILL', `killed near step ${step}`);
    const done = results(out);
    const end = await gmiseg(args(out));
    t.equal(end.code, 0, end.stderr);
    t.match(JSON.parse(end.stdout), { units: UNITS, done: UNITS - done, left: 0 });
    t.same(await resultsOf(out), expected);
  });

  await t.test('stopped with Ctrl-C in its training', async (t) => {
    const out = join(folder, 'stopped');
    const stopped = await interrupt(spawnGmiseg(args(out)), 'SIGINT', () => steps(out) >= 2);
    t.equal(stopped.code, 1, stopped.stderr);
    t.match(stopped.stderr, /ERR_ABORTED/);
    t.same(leftovers(out), []);
    t.notOk(existsSync(join(out, 'report.html')));
    const partial = await gmiseg([...args(out), '--report']);
    t.match(JSON.parse(partial.stdout), { done: 0, left: UNITS - results(out) });
    t.match(readFileSync(join(out, 'report.html'), 'utf8'), /Not complete: \d+ units are still to be done/);
    const end = await gmiseg(args(out));
    t.equal(end.code, 0, end.stderr);
    t.same(await resultsOf(out), expected);
    t.notMatch(readFileSync(join(out, 'report.html'), 'utf8'), /Not complete/);
  });

  await t.test('two shards side by side', async (t) => {
    const out = join(folder, 'shards');
    const both = await Promise.all(
      ['1/2', '2/2'].map((shard) => gmisegProcess([...args(out), '--shard', shard])),
    );
    for (const { code, stderr } of both) t.equal(code, 0, stderr);
    const summaries = both.map(({ stdout }) => JSON.parse(stdout));
    t.same(
      summaries.map(({ done }) => done),
      [UNITS / 2, UNITS / 2],
    );
    t.ok(
      summaries.some(({ report }) => report !== null),
      'the last one writes the report',
    );
    t.same(await resultsOf(out), expected);
    t.equal(steps(out), STEPS, 'the training was done once');
    t.same(leftovers(out), []);
  });
});
