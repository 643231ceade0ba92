/** What training changes, what it leaves alone, and how its results are saved. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Segmenter } from '../../lib/segmenter.js';
import type { TrainOptions } from '../../lib/train-options.js';
import { picture, TINY, TINY_WEIGHTS } from '../helpers/models.js';
import { writeShapeStore } from '../helpers/shape-store.js';
import { discs } from '../helpers/tasks.js';

const IMAGE = picture();
const PROMPTS = { points: [{ x: 20, y: 15, label: 1 as const }], box: [5, 5, 40, 30] as const };

let store: string;
t.before(async () => {
  store = await writeShapeStore(join(t.testdir(), 'store'));
});

async function open(t: Test, options: Parameters<typeof Segmenter.load>[0] = {}): Promise<Segmenter> {
  const segmenter = await Segmenter.load({
    checkpoint: TINY_WEIGHTS,
    config: TINY,
    device: 'cpu',
    threads: 1,
    ...options,
  });
  t.teardown(() => segmenter.close());
  return segmenter;
}

async function logits(segmenter: Segmenter): Promise<Float32Array> {
  const { lowRes } = await segmenter.predict(IMAGE, PROMPTS, { returnLowRes: true });
  if (!lowRes) throw new Error('no low-resolution logits came');
  return lowRes;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] as number))), 0);
}

const short = (out: string): TrainOptions => ({
  out,
  steps: 4,
  batchSize: 2,
  learningRate: 1e-2,
  warmupSteps: 0,
  validateEvery: 0,
  validateSamples: 2,
});

t.test('a training that is refused leaves embeddings and tasks as they were', async (t) => {
  const folder = t.testdir();
  const segmenter = await open(t);
  const embedding = await segmenter.encode(IMAGE);
  await segmenter.train(store, { ...short(join(folder, 'run')), steps: 1 });
  const fresh = await segmenter.encode(IMAGE);
  const examples = discs(2);
  const task = await segmenter.defineTask(examples, {
    engine: 'training-free',
    location: 0.5,
    view: 'whole',
  });
  await t.rejects(segmenter.predict(embedding, PROMPTS), { code: 'ERR_INVALID_ARG', message: /older than/ });
  const refused = async (data: string, run: string): Promise<unknown> =>
    await segmenter.train(data, short(join(folder, run)));
  await t.rejects(refused(store, 'run'), { code: 'ERR_INVALID_ARG' });
  await t.rejects(refused(join(folder, 'nowhere'), 'other'), { code: 'ERR_DATASET' });
  await t.resolves(segmenter.predict(fresh, PROMPTS));
  await t.resolves(task.predict(examples[0]!.image));
  await segmenter.train(store, { ...short(join(folder, 'again')), steps: 1 });
  await t.rejects(task.predict(examples[0]!.image), {
    code: 'ERR_INVALID_ARG',
    message: /Define the task again/,
  });
});

for (const adapter of [
  { kind: 'lora', rank: 2 },
  { kind: 'pooled' },
  { kind: 'pooled', gate: 'shared' },
  { kind: 'pooled', gate: 'identity' },
  { kind: 'lora', firstBlock: 1 },
  { kind: 'pooled', firstBlock: 1 },
] as const) {
  t.test(`an adapter ${JSON.stringify(adapter)} alone: the base stays, the saved forms agree`, async (t) => {
    const folder = t.testdir();
    const segmenter = await open(t);
    const before = await logits(segmenter);
    await segmenter.train(store, { ...short(join(folder, 'run')), adapter, train: 'adapter' });
    const after = await logits(segmenter);
    t.ok(largestDifference(before, after) > 1e-3, 'it learnt something');

    for (const what of ['adapter', 'full', 'merged'] as const) {
      await segmenter.save(join(folder, `${what}.safetensors`), { what });
    }
    const onBase = await open(t, { adapter: join(folder, 'adapter.safetensors') });
    t.same(
      Buffer.from((await logits(onBase)).buffer),
      Buffer.from(after.buffer),
      'adapter on the base: the same bytes',
    );
    const full = await open(t, { checkpoint: join(folder, 'full.safetensors') });
    t.same(Buffer.from((await logits(full)).buffer), Buffer.from(after.buffer), 'full: the same bytes');
    const merged = await open(t, { checkpoint: join(folder, 'merged.safetensors') });
    t.ok(largestDifference(await logits(merged), after) < 1e-4, 'merged: the same numbers');
    t.equal(merged.info.adapter, null);
    t.ok(existsSync(join(folder, 'run', 'adapter.safetensors')), 'the run holds the adapter');
  });
}

t.test(
  'steps whose gradients are not finite are skipped, and too many of them end the training',
  async (t) => {
    const folder = t.testdir();
    const segmenter = await open(t);
    const skipped: boolean[] = [];
    // Steps of this size soon leave the range of 32 bits.
    const options = {
      ...short(join(folder, 'run')),
      learningRate: 10,
      weightDecay: 1,
      diceWeight: 1e6,
      steps: 40,
    };
    const training = segmenter.train(store, options);
    const ended = (async () => {
      for await (const report of training) if (report.type === 'step') skipped.push(report.skipped === true);
    })();
    await t.rejects(ended, {
      code: 'ERR_NON_FINITE_LOSS',
      message: /10 steps in a row.*Lower the learning rate.*is sound/,
    });
    t.notOk(skipped[0], 'the first step is one');
    t.same(skipped.slice(-10), Array(10).fill(true));
    t.ok(skipped.length < 40);
  },
);

t.test(
  'as many checkpoints are kept as asked for, and gradients are clipped to the norm asked for',
  async (t) => {
    const folder = t.testdir();
    const before = await logits(await open(t));
    const change = async (run: string, options: Partial<TrainOptions>): Promise<number> => {
      const segmenter = await open(t);
      await segmenter.train(store, { ...short(join(folder, run)), weightDecay: 0, ...options });
      return largestDifference(before, await logits(segmenter));
    };
    const plain = await change('kept', { checkpointEvery: 1, keepCheckpoints: 3, clipNorm: 1 });
    t.same(
      readdirSync(join(folder, 'kept'))
        .filter((name) => name.startsWith('checkpoint-'))
        .sort(),
      [2, 3, 4].map((step) => `checkpoint-0000000${step}.safetensors`),
    );
    // Far below AdamW's epsilon the steps themselves become small.
    const clipped = await change('clipped', { clipNorm: 1e-12 });
    t.ok(clipped > 0 && clipped < 0.01 * plain, `${clipped} beside ${plain}`);
  },
);

t.test('a token-pooled adapter trains and saves, but does not merge', async (t) => {
  const folder = t.testdir();
  const segmenter = await open(t);
  const before = await logits(segmenter);
  await segmenter.train(store, {
    ...short(join(folder, 'run')),
    adapter: { kind: 'token-pooled', rank: 2 },
    train: 'adapter',
  });
  t.ok(largestDifference(before, await logits(segmenter)) > 1e-3);
  await t.rejects(segmenter.save(join(folder, 'merged.safetensors'), { what: 'merged' }), {
    code: 'ERR_INVALID_ARG',
  });
  t.notOk(existsSync(join(folder, 'merged.safetensors')));
});

t.test('an adapter file carries the decoder that was trained with it', async (t) => {
  const folder = t.testdir();
  const segmenter = await open(t);
  await segmenter.train(store, { ...short(join(folder, 'run')), adapter: { kind: 'pooled' } });
  const after = await logits(segmenter);
  const again = await open(t, { adapter: join(folder, 'run', 'adapter.safetensors') });
  t.same(Buffer.from((await logits(again)).buffer), Buffer.from(after.buffer));
  await t.rejects(
    Segmenter.load({ config: TINY, seed: 3, adapter: join(folder, 'run', 'adapter.safetensors') }),
    {
      code: 'ERR_CHECKPOINT_MISMATCH',
      message: /another base/,
    },
  );
});

t.test('recomputed activations and bfloat16 train like the plain form', async (t) => {
  const folder = t.testdir();
  const losses = async (name: string, extra: Partial<TrainOptions>): Promise<number[]> => {
    const segmenter = await open(t);
    const out = join(folder, name);
    await segmenter.train(store, {
      ...short(out),
      learningRate: 1e-3,
      adapter: { kind: 'pooled' },
      ...extra,
    });
    const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n');
    return lines
      .map((line) => JSON.parse(line))
      .filter((line) => line.type === 'step')
      .map((line) => line.loss);
  };
  const plain = await losses('plain', {});
  const recomputed = await losses('recomputed', { activationCheckpointing: true });
  const half = await losses('half', { dtype: 'bfloat16' });
  const halfRecomputed = await losses('half-recomputed', {
    dtype: 'bfloat16',
    activationCheckpointing: true,
  });
  t.equal(plain.length, 4);
  for (const [step, loss] of plain.entries()) {
    t.ok(
      Math.abs((recomputed[step] as number) - loss) < 1e-4 * loss,
      `step ${step}: ${recomputed[step]} is ${loss}`,
    );
    t.ok(
      Math.abs((half[step] as number) - loss) < 0.05 * loss,
      `step ${step}: ${half[step]} is near ${loss}`,
    );
    t.ok(
      Math.abs((halfRecomputed[step] as number) - loss) < 0.05 * loss,
      `step ${step}: ${halfRecomputed[step]} is near ${loss}`,
    );
  }
});

t.test('a small model with a stem learns to follow boxes, and is the same after save and load', async (t) => {
  const segmenter = await Segmenter.load({
    config: { ...TINY, image_size: 64, dense_prompts: true, stem: [8, 16] },
    device: 'cpu',
    threads: 1,
  });
  t.teardown(() => segmenter.close());
  const dice: number[] = [];
  const training = segmenter.train(store, {
    ...short(join(t.testdir(), 'run')),
    steps: 60,
    learningRate: 3e-3,
    promptsPerImage: 2,
    boxShare: 1,
    pointsShare: 0,
    bothShare: 0,
    refineShare: 0,
  });
  for await (const report of training) if (report.type === 'step') dice.push(report.dice);
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [first, last] = [mean(dice.slice(0, 10)), mean(dice.slice(-10))];
  t.ok(last > first + 0.2, `Dice ${first} -> ${last}`);

  const again = await Segmenter.load({
    checkpoint: join(t.testdirName, 'run', 'model.safetensors'),
    device: 'cpu',
    threads: 1,
  });
  t.teardown(() => again.close());
  t.strictSame(again.info.config.stem, [8, 16]);
  const image = {
    data: Uint8Array.from({ length: 64 * 48 }, (_, at) => (7 * at) % 256),
    width: 64,
    height: 48,
    channels: 1 as const,
  };
  const logits = async (model: Segmenter): Promise<Buffer> => {
    const { lowRes } = await model.predict(image, { box: [5, 6, 40, 30] }, { returnLowRes: true });
    return Buffer.from((lowRes as Float32Array).buffer);
  };
  t.ok((await logits(again)).equals(await logits(segmenter)), 'the same logits from the file');
});

t.test('a stem that does not work is refused', async (t) => {
  for (const stem of [[8], [8, 16, 32], [0, 8]]) {
    await t.rejects(Segmenter.load({ config: { ...TINY, stem }, device: 'cpu' }), {
      code: 'ERR_INVALID_ARG',
      message: /stem/,
    });
  }
});

t.test('every option arrives, under its name and with its value', async (t) => {
  const out = join(t.testdir(), 'run');
  const segmenter = await open(t);
  // None as it is by itself.
  const options = {
    train: ['adapter', 'decoder'],
    adapter: { kind: 'lora', rank: 2, scale: 0.5, firstBlock: 1 },
    labels: [1],
    minPixels: 4,
    steps: 2,
    maxMinutes: 5,
    batchSize: 1,
    promptsPerImage: 2,
    accumulate: 2,
    seed: 7,
    learningRate: 3e-4,
    warmupSteps: 1,
    schedule: 'poly',
    finalFactor: 0.2,
    beta1: 0.8,
    beta2: 0.99,
    epsilon: 1e-7,
    weightDecay: 0.03,
    clipNorm: 0.5,
    average: 0.5,
    activationCheckpointing: true,
    activationCache: 5e8,
    focalWeight: 2,
    diceWeight: 3,
    iouWeight: 0.1,
    target: 'nearest',
    boxShare: 0.2,
    pointsShare: 0.3,
    bothShare: 0.5,
    maxPoints: 2,
    boxOffset: 10,
    refineShare: 0.75,
    flip: 0.25,
    noise: 0.01,
    zoom: 0.1,
    rotate: 5,
    gamma: 0.2,
    taskAugment: 0.5,
    validateEvery: 1,
    validateSamples: 2,
    checkpointEvery: 1,
    keepCheckpoints: 1,
    exportEvery: 2,
    reportEvery: 1,
  } satisfies Partial<TrainOptions>;
  await segmenter.train(store, { out, ...options });
  const { options: noted } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
  for (const [name, value] of Object.entries(options)) t.match(noted[name], value, name);
  const plain = join(t.testdir({}), 'plain');
  await (await open(t)).train(store, { out: plain, steps: 1 });
  const { options: defaults } = JSON.parse(readFileSync(join(plain, 'config.json'), 'utf8'));
  for (const [name, value] of Object.entries(options)) t.notSame(defaults[name], value, `${name} by itself`);
});

t.test('bad options and stores are typed errors', async (t) => {
  const segmenter = await open(t);
  const out = join(t.testdir(), 'run');
  const refused = (options: Partial<TrainOptions>, data = store): Promise<unknown> =>
    Promise.resolve().then(() => segmenter.train(data, { ...short(out), ...options }));
  await t.rejects(refused({ train: 'adapter' }), { code: 'ERR_INVALID_ARG', message: /the model has none/ });
  await t.rejects(refused({ labels: [99] }), { code: 'ERR_DATASET', message: /No training sample is left/ });
  await t.rejects(refused({ datasets: ['nothing'] }), { code: 'ERR_DATASET' });
  await t.rejects(refused({}, join(out, 'nowhere')), { code: 'ERR_DATASET' });
  t.notOk(existsSync(out), 'wrong data makes no run folder');
  t.equal(segmenter.info.adapter, null);
  await t.rejects(refused({ boxShare: 0, pointsShare: 0, bothShare: 0 }), { code: 'ERR_INVALID_ARG' });
});
