/** A training killed at any moment and resumed ends as one left alone, bit for bit. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Segmenter } from '../../lib/segmenter.js';
import { Random } from '../../lib/statistics/random.js';
import { childScript, cleanEnvironment, interrupt, runChild } from '../helpers/child.js';
import { TINY } from '../helpers/models.js';
import { writeShapeStore } from '../helpers/shape-store.js';

const STEPS = 24;

/** Everything random is on: prompts, refinement, augmentation, noise. */
const options = (data: string, out: string) => ({
  data,
  out,
  model: { image_size: 64, depth: 2, global_attn_indexes: [1] },
  train: 'all',
  steps: STEPS,
  batchSize: 2,
  accumulate: 2,
  warmupSteps: 5,
  learningRate: 1e-3,
  zoom: 0.2,
  rotate: 20,
  gamma: 0.2,
  refineShare: 0.5,
  validateEvery: 6,
  validateSamples: 2,
  checkpointEvery: 4,
});

/** The lines without what a clock decides. */
function metrics(out: string): unknown[] {
  return readFileSync(join(out, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => ({ ...JSON.parse(line), ms: 0 }));
}

const lines = (out: string): number =>
  existsSync(join(out, 'metrics.jsonl'))
    ? readFileSync(join(out, 'metrics.jsonl'), 'utf8').split('\n').length - 1
    : 0;

/** Starts a run and kills it with SIGKILL once `step` is in its metrics. */
async function killAt(
  run: Record<string, unknown>,
  out: string,
  step: number,
): Promise<NodeJS.Signals | null> {
  const child = spawn(process.execPath, [childScript('train-run.mjs'), JSON.stringify(run)], {
    env: cleanEnvironment(),
    stdio: 'ignore',
  });
  return (await interrupt(child, 'SIGKILL', () => lines(out) >= step)).signal;
}

t.test('killed twice with SIGKILL and resumed: the same metrics and weights', async (t) => {
  const folder = t.testdir();
  const store = await writeShapeStore(join(folder, 'store'));
  const alone = options(store, join(folder, 'alone'));
  const whole = await runChild('train-run.mjs', [JSON.stringify(alone)]);
  t.equal(whole.code, 0, whole.stderr);

  const killed = options(store, join(folder, 'killed'));
  // Another place each time the test runs; the message tells which.
  const random = new Random(Date.now() % 1_000_000);
  const first = 2 + Math.floor(random.next() * 10);
  const second = 13 + Math.floor(random.next() * 8);
  t.equal(await killAt(killed, killed.out, first), 'SIGKILL', `killed near step ${first}`);
  // Half a line and half a file, as a crash of the machine would leave them.
  writeFileSync(join(killed.out, 'metrics.jsonl'), '{"type":"step","st', { flag: 'a' });
  writeFileSync(join(killed.out, '.checkpoint-00000012.safetensors.tmp-4242-5'), 'half');
  t.equal(
    await killAt({ ...killed, resume: true }, killed.out, second),
    'SIGKILL',
    `killed near step ${second}`,
  );
  const end = await runChild('train-run.mjs', [JSON.stringify({ ...killed, resume: true })]);
  t.equal(end.code, 0, end.stderr);

  t.same(metrics(killed.out), metrics(alone.out), 'the same metrics');
  for (const name of [
    'model.safetensors',
    'best.safetensors',
    `checkpoint-${String(STEPS).padStart(8, '0')}.safetensors`,
  ]) {
    const a = readFileSync(join(alone.out, name));
    const b = readFileSync(join(killed.out, name));
    t.ok(a.equals(b), `the same bytes: ${name}`);
  }
  const left = readdirSync(killed.out).sort();
  t.same(left, readdirSync(alone.out).sort(), 'no leftovers');
});

t.test('two trainings never write to one folder', async (t) => {
  const folder = t.testdir();
  const store = await writeShapeStore(join(folder, 'store'));
  const { data, model, ...run } = options(store, join(folder, 'run'));
  const load = () => Segmenter.load({ config: { ...TINY, ...model }, device: 'cpu', threads: 1, seed: 5 });
  const first = await load();
  t.teardown(() => first.close());
  const training = first.train(data, { ...run, train: 'all', steps: 100_000, reportEvery: 1 });
  for await (const report of training) {
    if (report.type !== 'step') continue;
    // Another process: one environment runs its jobs one after the other.
    const second = await runChild('train-run.mjs', [
      JSON.stringify({ ...options(store, join(folder, 'run')), resume: true }),
    ]);
    t.not(second.code, 0);
    t.match(second.stderr, /ERR_BUSY/);
    t.match(second.stderr, /Another training writes to/);
    break;
  }
  t.match(await training, { stopped: true });
});

t.test('a run is neither overwritten nor resumed as another one', async (t) => {
  const folder = t.testdir();
  const store = await writeShapeStore(join(folder, 'store'));
  const { data, model, ...run } = options(store, join(folder, 'run'));
  const load = (seed: number) =>
    Segmenter.load({ config: { ...TINY, ...model }, device: 'cpu', threads: 2, seed });
  const short = { ...run, train: 'all' as const, steps: 2, checkpointEvery: 1, validateEvery: 0 };
  const segmenter = await load(5);
  t.teardown(() => segmenter.close());
  await segmenter.train(data, short);
  await t.rejects(Promise.resolve(segmenter.train(data, short)), {
    code: 'ERR_INVALID_ARG',
    message: /already a run/,
  });
  await t.rejects(Promise.resolve(segmenter.train(data, { ...short, learningRate: 1e-2, resume: true })), {
    code: 'ERR_CHECKPOINT_MISMATCH',
    message: /learningRate/,
  });
  const other = await load(6);
  t.teardown(() => other.close());
  await t.rejects(Promise.resolve(other.train(data, { ...short, resume: true })), {
    code: 'ERR_CHECKPOINT_MISMATCH',
    message: /another model/,
  });
  t.match(await segmenter.train(data, { ...short, resume: true }), { steps: 2, firstStep: 2 });
});
