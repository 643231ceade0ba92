/** The GPU gives what the CPU gives: `npm run test:cuda`, on a machine that has one and a CUDA LibTorch. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Method } from '../../lib/baseline.js';
import { runtimeInfo } from '../../lib/inspect.js';
import type { LoadOptions } from '../../lib/load-options.js';
import { QUICK_SUITES, runParity, SLOW_SUITES } from '../../lib/parity.js';
import { Segmenter } from '../../lib/segmenter.js';
import type { Task } from '../../lib/task.js';
import type { TrainOptions } from '../../lib/train-options.js';
import type { StepReport } from '../../lib/training.js';
import { picture, TINY, TINY_WEIGHTS } from '../helpers/models.js';
import { writeShapeStore } from '../helpers/shape-store.js';
import { discs, TASK_MODEL, taskModel } from '../helpers/tasks.js';

const FIXTURES = join(import.meta.dirname ?? '.', '..', 'fixtures');
const skip = runtimeInfo().devices.some(({ id }) => id.startsWith('cuda'))
  ? false
  : 'there is no CUDA device';

/** The first use of a device and of every shape takes its time. */
const timeout = 600_000;

async function open(t: Test, options: LoadOptions): Promise<Segmenter> {
  const segmenter = await Segmenter.load(options);
  t.teardown(() => segmenter.close());
  return segmenter;
}

/** Of two trainings: losses of a GAN are sums of many. */
function apart(a: readonly number[], b: readonly number[]): number {
  if (a.length === 0 || a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Math.max(...a.map((loss, at) => Math.abs(loss - b[at]!) / Math.max(1, Math.abs(loss))));
}

function largest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = a.length === 0 || a.length !== b.length ? Number.POSITIVE_INFINITY : 0;
  for (let at = 0; at < a.length; at++) difference = Math.max(difference, Math.abs(a[at]! - b[at]!));
  return difference;
}

for (const suite of [...QUICK_SUITES, ...SLOW_SUITES]) {
  t.test(`${suite} holds its reference values`, { skip, timeout }, async (t) => {
    const rows = await runParity(FIXTURES, suite, 'cuda');
    t.ok(rows.length >= 4);
    for (const row of rows) t.ok(row.pass, `${row.name}: ${row.maxDiff} is at most ${row.tolerance}`);
  });
}

t.test('every kind of prompt gives the logits of the CPU', { skip, timeout }, async (t) => {
  const [cpu, cuda] = [
    await open(t, { checkpoint: TINY_WEIGHTS, config: TINY, device: 'cpu' }),
    await open(t, { checkpoint: TINY_WEIGHTS, config: TINY, device: 'cuda' }),
  ];
  t.match(cuda.info.device, /^cuda/);
  const mask = new Uint8Array(48 * 40).fill(1, 600, 900);
  for (const prompts of [
    { box: [5, 5, 40, 30] as const },
    { points: [{ x: 10, y: 12, label: 1 as const }] },
    { box: [5, 5, 40, 30] as const, mask },
  ]) {
    const options = { returnLowRes: true, multimask: true } as const;
    const [want, got] = [
      await cpu.predict(picture(), prompts, options),
      await cuda.predict(picture(), prompts, options),
    ];
    t.ok(largest(want.lowRes!, got.lowRes!) < 1e-3, `${Object.keys(prompts)}: logits`);
    t.ok(largest(want.scores, got.scores) < 1e-4, `${Object.keys(prompts)}: scores`);
  }
});

t.test('bfloat16 stays near float32', { skip, timeout }, async (t) => {
  const load = { checkpoint: TINY_WEIGHTS, config: TINY, device: 'cuda' } as const;
  const [exact, half] = [await open(t, load), await open(t, { ...load, dtype: 'bfloat16' })];
  const ask = { returnLowRes: true } as const;
  const want = await exact.predict(picture(), { box: [5, 5, 40, 30] }, ask);
  const got = await half.predict(picture(), { box: [5, 5, 40, 30] }, ask);
  const scale = Math.max(...want.lowRes!.map(Math.abs));
  t.ok(largest(want.lowRes!, got.lowRes!) < 0.1 * scale);
});

for (const engine of ['learned', 'training-free', 'threshold'] as const) {
  t.test(`a task by ${engine} is the same on both devices`, { skip, timeout }, async (t) => {
    const folder = t.testdir();
    const checkpoint = await taskModel(folder);
    const [cpu, cuda] = [
      await open(t, { checkpoint, device: 'cpu' }),
      await open(t, { checkpoint, device: 'cuda' }),
    ];
    const examples = discs(5).map(({ image, mask }) => ({ image, mask }));
    const query = discs(7)[6]!.image;
    const want = await cpu.defineTask(examples, { engine });
    const task = await cuda.defineTask(examples, { engine });
    const probabilities = async (of: Task): Promise<Float32Array> =>
      (await of.predict(query, { returnProbability: true })).probability!;
    const first = await probabilities(want);
    t.ok(largest(first, await probabilities(task)) < 2e-3);
    // What was made on the GPU is read without one.
    const file = join(folder, 'task.gmitask');
    await task.save(file);
    t.ok(largest(first, await probabilities(await cpu.loadTask(file))) < 2e-3);
  });
}

const SHORT: TrainOptions = {
  out: '',
  episodes: true,
  steps: 6,
  batchSize: 2,
  supports: [1, 2],
  queries: 2,
  learningRate: 1e-3,
  warmupSteps: 0,
  validateEvery: 3,
  validateSamples: 4,
  validateSupports: 2,
  reportEvery: 1,
};

/** Of every step, or of those until the training was stopped after `stopAt` of them. */
async function losses(
  segmenter: Segmenter,
  data: string[],
  options: TrainOptions,
  stopAt = Number.POSITIVE_INFINITY,
): Promise<number[]> {
  const steps: StepReport[] = [];
  const training = segmenter.train(data, options);
  for await (const report of training) {
    if (report.type === 'step') steps.push(report);
    if (steps.length === stopAt) void training.stop().catch(() => {});
  }
  return steps.map(({ loss }) => loss);
}

t.test(
  'training in episodes takes the steps of the CPU, also after an interruption',
  { skip, timeout },
  async (t) => {
    const folder = t.testdir();
    const config = TASK_MODEL;
    const of = async (
      device: 'cpu' | 'cuda',
      out: string,
      options: Partial<TrainOptions> = {},
      stopAt?: number,
    ): Promise<number[]> => {
      const segmenter = await Segmenter.load({ config, device });
      try {
        return await losses(segmenter, [], { ...SHORT, out: join(folder, out), ...options }, stopAt);
      } finally {
        await segmenter.close();
      }
    };
    const want = await of('cpu', 'cpu');
    t.ok(largest(want, await of('cuda', 'cuda')) < 2e-2);
    const constant = { schedule: 'constant' } as const;
    const whole = await of('cuda', 'whole', constant);
    await of('cuda', 'halves', constant, 2);
    const rest = await of('cuda', 'halves', { ...constant, resume: true });
    t.ok(rest.length > 0);
    t.ok(largest(rest, whole.slice(-rest.length)) < 2e-2);
    for (const dtype of ['tf32', 'bfloat16'] as const)
      t.equal((await of('cuda', dtype, { dtype, average: 0.9 })).filter(Number.isFinite).length, 6, dtype);
    await t.rejects(of('cpu', 'refused', { dtype: 'tf32' }), { code: 'ERR_INVALID_ARG' });
  },
);

t.test(
  'an adapter learns from prompts, with and without recomputed activations',
  { skip, timeout },
  async (t) => {
    const folder = t.testdir();
    const store = await writeShapeStore(join(folder, 'store'));
    const of = async (device: 'cpu' | 'cuda', activationCheckpointing: boolean): Promise<number[]> => {
      const segmenter = await open(t, { checkpoint: TINY_WEIGHTS, config: TINY, device });
      return await losses(segmenter, [store], {
        ...SHORT,
        episodes: false,
        adapter: { kind: 'pooled' },
        activationCheckpointing,
        out: join(folder, `${device}-${activationCheckpointing}`),
      });
    };
    const want = await of('cpu', false);
    for (const again of [false, true]) t.ok(largest(want, await of('cuda', again)) < 2e-2);
  },
);

for (const method of ['universeg', 'neuralizer', 'cyclegan', 'unet'] as Method[]) {
  t.test(`${method} takes the steps of the CPU`, { skip, timeout }, async (t) => {
    const folder = t.testdir();
    const store = await writeShapeStore(join(folder, 'store'));
    const of = async (device: 'cpu' | 'cuda'): Promise<number[]> => {
      const segmenter = await open(t, { config: method, imageSize: 64, device });
      return await losses(segmenter, [store], {
        ...SHORT,
        ...(method === 'unet' ? { episodes: false, labels: [1] } : {}),
        syntheticShare: 0.5,
        batchSize: 1,
        steps: 3,
        validateEvery: 0,
        out: join(folder, device),
      });
    };
    t.ok(apart(await of('cpu'), await of('cuda')) < 2e-2);
  });
}
