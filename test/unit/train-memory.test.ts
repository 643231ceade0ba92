/** A training that is told how much memory there is. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import t, { type Test } from 'tap';
import { Segmenter } from '../../lib/segmenter.js';
import type { TrainOptions } from '../../lib/train-options.js';
import type { TrainSummary } from '../../lib/training.js';
import { readTensors } from '../helpers/checkpoints.js';
import { TINY } from '../helpers/models.js';
import { writeShapeStore } from '../helpers/shape-store.js';

/** Six blocks of two kinds, whose activations are most of what a step takes. */
const CONFIG = { ...TINY, image_size: 256, depth: 6, global_attn_indexes: [2, 5] };

async function run(
  t: Test,
  folder: string,
  options: Partial<TrainOptions>,
): Promise<{ summary: TrainSummary; losses: number[]; weights: unknown }> {
  const store = join(folder, 'store');
  if (!existsSync(store)) await writeShapeStore(store);
  const segmenter = await Segmenter.load({ config: CONFIG, device: 'cpu', threads: 1 });
  t.teardown(() => segmenter.close());
  const losses: number[] = [];
  const training = segmenter.train(store, {
    ...{ out: join(folder, `run-${Math.round(1e9 * Math.random())}`), train: 'all', steps: 1, batchSize: 8 },
    ...{ warmupSteps: 0, learningRate: 1e-3, validateEvery: 0, validateSamples: 0 },
    ...options,
  });
  for await (const report of training) if (report.type === 'step') losses.push(report.loss);
  const summary = await training;
  await segmenter.close();
  return { summary, losses, weights: readTensors(summary.file) };
}

t.test('as many blocks are recomputed as the budget needs, and the steps are the same', async (t) => {
  const folder = t.testdir();
  const plain = await run(t, folder, {});
  t.equal(plain.summary.memory, null);
  const all = await run(t, folder, { memory: 1e12 });
  t.match(all.summary.memory, { budgetBytes: 1e12, recomputedBlocks: 0 });
  t.same(all.losses, plain.losses, 'measuring leaves no trace');

  const { heldBytes, expectedBytes } = all.summary.memory!;
  // Three quarters of what the step would keep, measured from what the process holds by now.
  const memory = heldBytes + Math.round(0.75 * (expectedBytes - heldBytes));
  const { summary, losses, weights } = await run(t, folder, { memory });
  const { recomputedBlocks, expectedBytes: expected } = summary.memory!;
  t.ok(recomputedBlocks > 0 && recomputedBlocks <= CONFIG.depth, `${recomputedBlocks} blocks`);
  t.ok(expected <= memory);
  t.same(losses, plain.losses);
  t.same(weights, plain.weights, 'recomputed activations are the same ones, to the last bit');
  await t.rejects(run(t, folder, { memory: 1e6 }), {
    code: 'ERR_OUT_OF_MEMORY',
    message: /needs about \d+\.\d GiB with all activations recomputed.*Lower batchSize/,
  });
});

t.test('the heaviest batch is what is planned for', async (t) => {
  const folder = t.testdir();
  const options = { memory: 1e12, episodes: true, batchSize: 1, queries: 1, noise: 0, steps: 40 } as const;
  const planned = async (supports: number[]): Promise<number> => {
    // It ends before its first step.
    const { memory } = (await run(t, folder, { ...options, supports, maxMinutes: 1e-9 })).summary;
    return memory!.expectedBytes - memory!.heldBytes;
  };
  const [mixed, many] = [await planned([1, 8]), await planned([8])];
  t.ok(mixed < 1.05 * many);
  t.ok(mixed > 0.95 * many, `${mixed} of ${many}`);
});

t.test('where nothing learns nothing is recomputed: beside a frozen encoder', async (t) => {
  const folder = t.testdir();
  const options = { episodes: true, batchSize: 1, supports: [1], queries: 1, train: 'task-encoder' } as const;
  const plain = await run(t, folder, options);
  t.same((await run(t, folder, { ...options, activationCheckpointing: true })).weights, plain.weights);
  const { summary, weights } = await run(t, folder, { ...options, memory: 1e12 });
  t.same(weights, plain.weights);
  t.equal(basename(summary.file), basename(plain.summary.file));
});

t.test('frozen weights keep less', async (t) => {
  const folder = t.testdir();
  // Planned, and ended before the first step.
  const planned = { memory: 1e12, maxMinutes: 1e-9 };
  const whole = await run(t, folder, planned);
  const adapter = await run(t, folder, { ...planned, adapter: { kind: 'lora' }, train: ['adapter'] });
  const step = ({ summary: { memory } }: typeof whole): number => memory!.expectedBytes - memory!.heldBytes;
  t.ok(step(adapter) < step(whole));
});

t.test('episodes are measured as well', async (t) => {
  const { summary } = await run(t, t.testdir(), {
    ...{ memory: 1e12, maxMinutes: 1e-9, episodes: true, batchSize: 1, supports: [1], queries: 1 },
  });
  t.match(summary.memory, { recomputedBlocks: 0 });
});

t.test('one way or the other', async (t) => {
  const folder = t.testdir();
  await t.rejects(run(t, folder, { memory: 1e12, activationCheckpointing: true }), {
    code: 'ERR_INVALID_ARG',
  });
  await t.rejects(run(t, folder, { memory: -1 }), { code: 'ERR_INVALID_ARG' });
});
