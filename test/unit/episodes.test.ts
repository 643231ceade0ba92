/** Training from support sets: what it learns, what it leaves alone, how it is saved and resumed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Segmenter } from '../../lib/segmenter.js';
import type { TrainOptions } from '../../lib/train-options.js';
import type { StepReport, ValidationReport } from '../../lib/training.js';
import { readTensors } from '../helpers/checkpoints.js';
import { writeDrawnStore } from '../helpers/drawn-store.js';
import { picture, TINY, TINY_WEIGHTS } from '../helpers/models.js';
import { writeShapeStore } from '../helpers/shape-store.js';
import { discs } from '../helpers/tasks.js';

/** Small enough for a test, with all parts: stem, painted prompts, task encoder. */
const CONFIG = { ...TINY, image_size: 64, stem: [8, 16], dense_prompts: true };

const short = (out: string): TrainOptions => ({
  out,
  episodes: true,
  steps: 6,
  batchSize: 1,
  supports: [1, 2],
  queries: 2,
  learningRate: 2e-3,
  warmupSteps: 0,
  validateEvery: 0,
  validateSamples: 0,
  validateSupports: 2,
});

async function open(t: Test, options: Parameters<typeof Segmenter.load>[0] = {}): Promise<Segmenter> {
  const segmenter = await Segmenter.load({
    ...(options.checkpoint === undefined ? { config: CONFIG } : {}),
    device: 'cpu',
    threads: 1,
    ...options,
  });
  t.teardown(() => segmenter.close());
  return segmenter;
}

async function logits(segmenter: Segmenter): Promise<Buffer> {
  const { lowRes } = await segmenter.predict(picture(), { box: [5, 5, 40, 30] }, { returnLowRes: true });
  return Buffer.from((lowRes as Float32Array).buffer);
}

t.test('batches come in the same order, however many threads make them', async (t) => {
  const folder = t.testdir();
  const losses = async (feedThreads: number): Promise<number[]> => {
    const segmenter = await open(t, { seed: 3 });
    const out: number[] = [];
    const options = { ...short(join(folder, `${feedThreads}`)), feedThreads, steps: 3, supports: [1, 8] };
    for await (const report of segmenter.train([], options))
      if (report.type === 'step') out.push(report.loss);
    return out;
  };
  const one = await losses(1);
  t.equal(one.length, 3);
  t.same(await losses(5), one);
});

t.test('synthetic tasks alone: all parts learn, and the model is the same after save and load', async (t) => {
  const folder = t.testdir();
  const segmenter = await open(t);
  const before = await logits(segmenter);
  const steps: StepReport[] = [];
  let validation: ValidationReport | undefined;
  for await (const report of segmenter.train([], {
    ...short(join(folder, 'run')),
    steps: 24,
    validateSamples: 4,
  })) {
    if (report.type === 'step') steps.push(report);
    else validation = report;
  }
  for (const { denseLoss, denseDice, promptDice } of steps) {
    t.ok(Number.isFinite(denseLoss));
    t.ok(denseDice! >= 0 && denseDice! <= 1 && promptDice! >= 0 && promptDice! <= 1);
  }
  const mean = (list: StepReport[]): number => list.reduce((sum, step) => sum + step.loss, 0) / list.length;
  t.ok(mean(steps.slice(-10)) < mean(steps.slice(0, 5)), 'the loss falls');
  t.ok(validation !== undefined && validation.samples > 0, 'a last validation, on synthetic tasks');
  t.notOk((await logits(segmenter)).equals(before));

  const again = await open(t, { checkpoint: join(folder, 'run', 'model.safetensors') });
  t.ok((await logits(again)).equals(await logits(segmenter)));
  const larger = await open(t, { checkpoint: join(folder, 'run', 'model.safetensors'), imageSize: 96 });
  t.equal(larger.info.imageSize, 96);
  t.equal(larger.info.gridSize, 96 / TINY.patch_size);
});

t.test('a run that was stopped and resumed ends as one that was not, also with real tasks', async (t) => {
  const folder = t.testdir();
  const store = await writeShapeStore(join(folder, 'store'));
  const weights = (run: string): Buffer => readFileSync(join(folder, run, 'model.safetensors'));
  const options = (run: string): TrainOptions => ({
    ...short(join(folder, run)),
    syntheticShare: 0.5,
    refineShare: 0.5,
    checkpointEvery: 2,
    average: 0.9,
  });
  await (await open(t)).train(store, options('whole'));
  const first = await open(t);
  const reports = first.train(store, options('parts'));
  for await (const report of reports) if (report.type === 'step' && report.step === 3) break;
  await (await open(t)).train(store, { ...options('parts'), resume: true });
  t.ok(weights('parts').equals(weights('whole')));
});

t.test('a small task shows no query among its supports', async (t) => {
  const folder = t.testdir();
  const shades = [40, 90, 200];
  const store = await writeDrawnStore(
    join(folder, 'store'),
    'squares',
    new Map([[1, 'square']]),
    shades.map((shade, at) => {
      const mask = Uint8Array.from({ length: 32 * 32 }, (_, i) =>
        i % 32 < 8 + 4 * at && i < 32 * 16 ? 1 : 0,
      );
      const image = mask.map((value, i) => (value === 1 ? shade : 20 + ((i * 7) % (5 + at))));
      return { subject: `s${at}`, height: 32, width: 32, split: 'train', image, mask };
    }),
  );
  // Nothing is drawn but who is shown and who is asked, and nothing is learned: a loss tells which.
  const losses = async (supports: number): Promise<string[]> => {
    const segmenter = await open(t, { seed: 3 });
    const still = { noise: 0, flip: 0, zoom: 0, rotate: 0, gamma: 0, promptedWeight: 0, learningRate: 1e-12 };
    const options = { ...short(join(folder, `${supports}`)), ...still, syntheticShare: 0, weightDecay: 0 };
    const found = new Set<string>();
    for await (const report of segmenter.train(store, {
      ...options,
      steps: 12,
      supports: [supports],
      queries: 1,
    }))
      if (report.type === 'step') found.add(report.loss.toFixed(4));
    return [...found].sort();
  };
  const pairs = await losses(2);
  t.equal(pairs.length, 3, 'each is asked by the other two');
  t.same(await losses(8), pairs, 'and no more than these are there to show');
});

t.test('the recipe that makes other tasks of a task is drawn by the seed alone', async (t) => {
  const folder = t.testdir();
  const store = await writeShapeStore(join(folder, 'store'));
  const losses = async (out: string, taskAugment: number, feedThreads: number): Promise<number[]> => {
    const segmenter = await open(t, { seed: 3 });
    const still = { noise: 0, flip: 0, promptedWeight: 0, learningRate: 1e-12, weightDecay: 0 };
    const options = { ...short(join(folder, out)), ...still, syntheticShare: 0, steps: 6 };
    const found: number[] = [];
    for await (const report of segmenter.train(store, { ...options, taskAugment, feedThreads }))
      if (report.type === 'step') found.push(report.loss);
    return found;
  };
  const plain = await losses('plain', 0, 1);
  const strong = await losses('strong', 1, 1);
  t.same(await losses('again', 1, 3), strong);
  t.equal(strong.filter((loss, step) => loss === plain[step]).length, 0, 'each task is another');
});

t.test('the running mean of the weights is what is written, and what the model goes on with', async (t) => {
  const folder = t.testdir();
  const weight = (...file: string[]): Float32Array => {
    const { data } = readTensors(join(folder, ...file))['image_encoder.patch_embed.proj.weight']!;
    return new Float32Array(Uint8Array.from(data).buffer);
  };
  const run = async (out: string, average: number): Promise<Segmenter> => {
    const segmenter = await open(t);
    await segmenter.save(join(folder, 'start.safetensors'), { what: 'full' });
    await segmenter.train([], { ...short(join(folder, out)), steps: 2, exportEvery: 1, average });
    return segmenter;
  };
  await run('plain', 0);
  const averaged = await run('mean', 0.5);
  const start = weight('start.safetensors');
  const [first, second] = [1, 2].map((step) => weight('plain', `step-${step}.safetensors`));
  const mean = weight('mean', 'step-2.safetensors');
  // Early means forget faster: (1 + step) / (10 + step).
  const wrong = mean.filter((found, i) => {
    const one = start[i]! + (9 / 11) * (first![i]! - start[i]!);
    return Math.abs(found - (one + (9 / 12) * (second![i]! - one))) > 1e-6;
  });
  t.equal(wrong.length, 0);
  t.ok(
    mean.some((value, i) => Math.abs(value - second![i]!) > 1e-5),
    'not the last weights',
  );
  await averaged.save(join(folder, 'after.safetensors'), { what: 'full' });
  t.same(weight('after.safetensors'), mean);
});

t.test('a model that was trained at several sizes knows them, and tasks choose among them', async (t) => {
  const folder = t.testdir();
  const segmenter = await open(t);
  await segmenter.train([], { ...short(join(folder, 'run')), steps: 4, imageSizes: [32, 64] });
  const again = await open(t, { checkpoint: join(folder, 'run', 'model.safetensors') });
  t.same(again.info.taskEncoder?.sizes, [32, 64]);
  const options = { engine: 'learned', inputSize: 32, view: 'whole' } as const;
  const task = await again.defineTask(discs(2), options);
  t.match(task.info.choices[0]?.recipe, /32/);
  await t.rejects(again.defineTask(discs(2), { ...options, inputSize: 96 }), { code: 'ERR_INVALID_ARG' });
});

t.test('beside a frozen SAM only the task encoder learns', async (t) => {
  const folder = t.testdir();
  const segmenter = await open(t, { checkpoint: TINY_WEIGHTS, config: TINY });
  const before = await logits(segmenter);
  await segmenter.train([], { ...short(join(folder, 'run')), steps: 2, train: 'task-encoder' });
  t.ok((await logits(segmenter)).equals(before), 'what SAM says of boxes stays');
});

t.test('an adapter file carries the task encoder', async (t) => {
  const folder = t.testdir();
  const segmenter = await open(t, { checkpoint: TINY_WEIGHTS, config: TINY });
  await segmenter.train([], { ...short(join(folder, 'run')), steps: 2, adapter: { kind: 'pooled' } });
  const file = join(folder, 'adapter.safetensors');
  await segmenter.save(file, { what: 'adapter' });
  const again = await open(t, { checkpoint: TINY_WEIGHTS, config: TINY, adapter: file });
  await again.save(join(folder, 'again.safetensors'), { what: 'full' });
  await segmenter.save(join(folder, 'first.safetensors'), { what: 'full' });
  t.ok(
    readFileSync(join(folder, 'again.safetensors')).equals(readFileSync(join(folder, 'first.safetensors'))),
  );
});

t.test('kept models, and options that make no sense', async (t) => {
  const folder = t.testdir();
  const segmenter = await open(t);
  await segmenter.train([], { ...short(join(folder, 'run')), steps: 2, exportEvery: 1 });
  t.ok(readFileSync(join(folder, 'run', 'step-1.safetensors')).length > 0);
  const refused = (options: Partial<TrainOptions>, data: string[] = []): Promise<unknown> =>
    Promise.resolve().then(() => segmenter.train(data, { ...short(join(folder, 'other')), ...options }));
  await t.rejects(refused({ supports: [] }), { code: 'ERR_INVALID_ARG' });
  await t.rejects(refused({ supports: [65] }), { code: 'ERR_INVALID_ARG', message: /supports/ });
  await t.rejects(refused({ taskEncoder: { bins: [1, 2] } }), { code: 'ERR_INVALID_ARG', message: /bins/ });
  await t.rejects(refused({ episodes: false }), { code: 'ERR_INVALID_ARG' });
});
