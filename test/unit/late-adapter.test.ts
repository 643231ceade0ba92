/** Adapters that start at a later block, and what trainings keep of pictures before it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Segmenter } from '../../lib/segmenter.js';
import type { TrainOptions } from '../../lib/train-options.js';
import type { TrainSummary } from '../../lib/training.js';
import { readTensors } from '../helpers/checkpoints.js';
import { gmiseg } from '../helpers/cli.js';
import { TINY, TINY_WEIGHTS } from '../helpers/models.js';
import { writeShapeStore } from '../helpers/shape-store.js';

const store = await writeShapeStore(join(t.testdir(), 'store'));
const LATE = TINY.depth - 1;

let runs = 0;

async function run(
  t: Test,
  options: Partial<TrainOptions>,
): Promise<{ summary: TrainSummary; losses: number[]; weights: Record<string, unknown> }> {
  const segmenter = await Segmenter.load({ checkpoint: TINY_WEIGHTS, config: TINY, device: 'cpu' });
  t.teardown(() => segmenter.close());
  const losses: number[] = [];
  const training = segmenter.train(store, {
    ...{ out: join(t.testdirName, `run-${runs++}`), steps: 24, batchSize: 1, train: 'adapter', noise: 0 },
    ...{ warmupSteps: 0, learningRate: 1e-2, validateSamples: 0, flip: 0, seed: 5 },
    ...options,
  });
  for await (const report of training) if (report.type === 'step') losses.push(report.loss);
  const summary = await training;
  return { summary, losses, weights: readTensors(summary.file) as Record<string, unknown> };
}

t.test('only later blocks have weights', async (t) => {
  t.testdir();
  const names = async (adapter: TrainOptions['adapter']): Promise<string[]> =>
    Object.keys((await run(t, { adapter: adapter!, steps: 1 })).weights).sort();
  t.equal((await names({ kind: 'lora', rank: 2 })).length, 4 * TINY.depth);
  t.same(
    await names({ kind: 'lora', rank: 2, firstBlock: LATE }),
    ['q', 'v'].flatMap((part) => ['down', 'up'].map((side) => `adapter.blocks.${LATE}.${part}.${side}`)),
  );
  const { summary } = await run(t, { adapter: { kind: 'pooled', firstBlock: LATE - 1 }, steps: 1 });
  // Two vectors for queries and values, down and up, and their gates.
  t.equal(summary.trainableParameters, 2 * (2 * 2 * TINY.embed_dim + 2 * 2));
});

t.test('a block that the encoder has not is refused', async (t) => {
  t.testdir();
  for (const firstBlock of [TINY.depth, 1000]) {
    await t.rejects(run(t, { adapter: { firstBlock }, steps: 1 }), {
      code: 'ERR_INVALID_ARG',
      message: /firstBlock is \d+; this encoder's blocks are 0 to \d+/,
    });
  }
  await t.rejects(run(t, { adapter: { firstBlock: -1 }, steps: 1 }), { code: 'ERR_INVALID_ARG' });
  const segmenter = await Segmenter.load({ checkpoint: TINY_WEIGHTS, config: TINY, device: 'cpu' });
  t.teardown(() => segmenter.close());
  const out = join(t.testdirName, 'refused');
  await t.rejects(async () => await segmenter.train(store, { out, adapter: { firstBlock: 99 } }));
  t.notOk(existsSync(out), 'nothing was made');
  t.equal(segmenter.info.trainings, 0, 'nothing was changed');
});

t.test('what frozen blocks make of a picture is made once, and trains the same', async (t) => {
  t.testdir();
  for (const [what, options] of [
    ['a late adapter', { adapter: { kind: 'lora', firstBlock: LATE } }],
    ['the decoder alone', { train: 'decoder', learningRate: 1e-3 }],
  ] as const) {
    const kept = await run(t, options);
    const { pictures, bytes, used } = kept.summary.activationCache!;
    t.ok(pictures > 0 && pictures < 24, `${what}: ${pictures} pictures`);
    t.equal(pictures + used, 24, `${what}: the others were there`);
    t.equal(bytes, pictures * 4 * TINY.embed_dim * (TINY.image_size / TINY.patch_size) ** 2);
    const again = await run(t, { ...options, activationCache: 0 });
    t.equal(again.summary.activationCache, null);
    t.same(kept.losses, again.losses, `${what}: the same losses`);
    t.same(kept.weights, again.weights, `${what}: the same weights`);
    const few = await run(t, { ...options, activationCache: 2 * (bytes / pictures) });
    t.match(few.summary.activationCache, { pictures: 2 });
    t.same(few.weights, kept.weights, `${what}: where not all fit`);
  }
});

t.test('mirrored pictures are others, and batches of several learn the same', async (t) => {
  t.testdir();
  const options = { adapter: { kind: 'pooled', firstBlock: LATE }, batchSize: 3, flip: 0.5 } as const;
  const [kept, again] = [await run(t, options), await run(t, { ...options, activationCache: 0 })];
  t.ok(kept.summary.activationCache!.used > 0);
  const apart = kept.losses.map((loss, step) => Math.abs(loss - again.losses[step]!));
  t.ok(Math.max(...apart) < 1e-4, `${Math.max(...apart)}`);
});

t.test('nothing is kept where it would not come again, or has changed by then', async (t) => {
  t.testdir();
  const late = { adapter: { kind: 'lora', firstBlock: LATE }, steps: 2 } as const;
  for (const options of [
    { ...late, noise: 0.1 },
    { ...late, zoom: 0.1 },
    { ...late, rotate: 5 },
    { ...late, gamma: 0.1 },
    { ...late, adapter: { kind: 'lora' } },
    { ...late, train: 'all' },
  ] as const)
    t.equal((await run(t, options)).summary.activationCache, null);
});

t.test('a step takes less memory, and what is kept counts', async (t) => {
  t.testdir();
  const planned = { memory: 1e12, maxMinutes: 1e-9, batchSize: 4, activationCache: 0 } as const;
  const memory = async (options: Partial<TrainOptions>): Promise<NonNullable<TrainSummary['memory']>> =>
    (await run(t, { ...planned, ...options })).summary.memory!;
  const early = await memory({ adapter: { kind: 'lora' } });
  const late = await memory({ adapter: { kind: 'lora', firstBlock: LATE } });
  t.ok(late.expectedBytes - late.heldBytes < 0.8 * (early.expectedBytes - early.heldBytes));
  const keeping = await memory({ adapter: { kind: 'lora', firstBlock: LATE }, activationCache: 1e11 });
  const more = keeping.heldBytes - late.heldBytes;
  t.ok(more < 1e9, 'as much as the pictures can come to, not what they may');
  t.ok(
    keeping.expectedBytes - keeping.heldBytes < 1.1 * (late.expectedBytes - late.heldBytes),
    'is no part of a step',
  );
});

t.test('the command line: --first-block', async (t) => {
  const folder = t.testdir();
  const out = join(folder, 'run');
  const base = ['train', '--data', store, '--out', out, '--checkpoint', TINY_WEIGHTS, '--steps', '1'];
  const first = await gmiseg([...base, '--first-block', '2', '--set', 'noise=0', '--set', 'flip=0']);
  t.equal(first.code, 0, first.stderr);
  const { options } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
  t.match(options.adapter, { kind: 'pooled', firstBlock: 2 });
  for (const [words, why] of [
    [['--resume', '--first-block', '1'], /a run that goes on has its own/],
    [['--adapter-kind', 'none', '--first-block', '1'], /of a new adapter/],
    [['--train', 'all', '--first-block', '1'], /of a new adapter/],
  ] as const) {
    const target = words.includes('--resume' as never) ? base : [...base, '--out', join(folder, 'other')];
    const refused = await gmiseg([...target, ...words]);
    t.equal(refused.code, 2, words.join(' '));
    t.match(refused.stderr, why);
  }
});
