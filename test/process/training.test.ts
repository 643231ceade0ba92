/** Training as a stream, a promise and a job among others. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Segmenter } from '../../lib/segmenter.js';
import type { TrainOptions } from '../../lib/train-options.js';
import { picture, TINY } from '../helpers/models.js';
import { writeShapeStore } from '../helpers/shape-store.js';

/** So small that hundreds of steps take a moment. */
const SMALL = { ...TINY, image_size: 64, embed_dim: 16, depth: 1, num_heads: 2, global_attn_indexes: [0] };
const ENDLESS = 1_000_000;

let store: string;
t.before(async () => {
  store = await writeShapeStore(join(t.testdir(), 'store'));
});

async function start(t: Test, options: Partial<TrainOptions> = {}) {
  const segmenter = await Segmenter.load({ config: SMALL, device: 'cpu', threads: 1, seed: 3 });
  t.teardown(() => segmenter.close());
  const out = join(t.testdir(), 'run');
  const training = segmenter.train(store, {
    out,
    batchSize: 1,
    steps: 5,
    warmupSteps: 0,
    validateEvery: 0,
    validateSamples: 2,
    ...options,
  });
  return { segmenter, training, out };
}

const metrics = (out: string): string[] =>
  readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n');

t.test('the stream gives every step, then the promise gives the summary', async (t) => {
  const { training, segmenter } = await start(t);
  const steps: number[] = [];
  for await (const report of training) {
    if (report.type !== 'step') continue;
    steps.push(report.step);
    t.ok(Number.isFinite(report.loss));
  }
  t.same(steps, [1, 2, 3, 4, 5]);
  t.match(await training, { steps: 5, stopped: false });
  t.equal(training.dropped, 0);
  t.ok(segmenter.info.trainableParameters > 0, 'info is that of after the training');
});

t.test('a training whose stream nobody reads still runs', async (t) => {
  const { training } = await start(t);
  t.match(await training, { steps: 5, stopped: false });
});

t.test('break stops the training, and no step runs after the loop', async (t) => {
  const { training, out, segmenter } = await start(t, { steps: ENDLESS });
  for await (const report of training) if (report.step >= 3) break;
  const before = metrics(out);
  t.match(await training, { stopped: true });
  t.match(await segmenter.predict(picture()), { count: 1 }, 'the segmenter is free again');
  t.same(metrics(out), before);
  t.same(await training[Symbol.asyncIterator]().next(), { done: true, value: undefined });
});

t.test('an exception in the loop stops it too', async (t) => {
  const { training } = await start(t, { steps: ENDLESS });
  const loop = async () => {
    for await (const report of training) if (report.step >= 2) throw new Error('from the loop');
  };
  await t.rejects(loop(), { message: 'from the loop' });
  t.match(await training, { stopped: true });
});

t.test('stop() gives the summary', async (t) => {
  const { training } = await start(t, { steps: ENDLESS });
  await training[Symbol.asyncIterator]().next();
  const summary = await training.stop();
  t.match(summary, { stopped: true });
  t.equal(await training.stop(), summary);
});

t.test('an abort rejects with the reason, in the loop and in the promise', async (t) => {
  const controller = new AbortController();
  const { training, segmenter } = await start(t, { steps: ENDLESS, signal: controller.signal });
  const reason = new Error('no more');
  const loop = async () => {
    for await (const report of training) if (report.step === 2) controller.abort(reason);
  };
  t.equal(await loop().catch((error) => error), reason);
  t.equal(
    await training.then(
      () => 'fulfilled',
      (error) => error,
    ),
    reason,
  );
  t.match(await segmenter.predict(picture()), { count: 1 });
});

t.test('other jobs are refused while it trains, or wait if told to', async (t) => {
  const { training, segmenter } = await start(t, { steps: ENDLESS });
  const image = picture();
  await t.rejects(segmenter.predict(image), { code: 'ERR_BUSY', message: /queue: true/ });
  await t.rejects(segmenter.encode(image), { code: 'ERR_BUSY' });
  await t.rejects(segmenter.save('x.safetensors'), { code: 'ERR_BUSY' });
  await t.rejects(Promise.resolve(segmenter.train(store, { out: 'x' })), { code: 'ERR_BUSY' });
  let stopped = false;
  const queued = segmenter.predict(image, {}, { queue: true }).then((prediction) => {
    t.ok(stopped, 'not before the training had ended');
    return prediction;
  });
  for await (const report of training) if (report.step >= 2) break;
  stopped = true;
  t.match(await queued, { count: 1 });
});

t.test('a stream that is read too late keeps the latest 256 reports and counts the others', async (t) => {
  const { training, out } = await start(t, { steps: 300, checkpointEvery: 1000 });
  await training;
  const steps: number[] = [];
  for await (const report of training) steps.push(report.step);
  t.equal(steps.length, 256);
  t.equal(steps.at(-1), 300);
  t.equal(training.dropped, metrics(out).length - 256);
});

t.test('close() ends a training with ERR_CLOSED', async (t) => {
  const { training, segmenter } = await start(t, { steps: ENDLESS });
  const stream = training[Symbol.asyncIterator]();
  await stream.next();
  await segmenter.close();
  await t.rejects(Promise.resolve(training), { code: 'ERR_CLOSED' });
});

t.test('stopped before its turn came, it never begins', async (t) => {
  const segmenter = await Segmenter.load({ config: SMALL, device: 'cpu', threads: 1 });
  t.teardown(() => segmenter.close());
  const before = segmenter.encode(picture(400, 400));
  const training = segmenter.train(store, { out: join(t.testdir(), 'run') });
  await t.rejects(training.stop(), { code: 'ERR_ABORTED', message: /before it began/ });
  t.same(await training[Symbol.asyncIterator]().return?.(), { done: true, value: undefined });
  await before;
});

t.test('an embedding of older weights is refused', async (t) => {
  const segmenter = await Segmenter.load({ config: SMALL, device: 'cpu', threads: 1 });
  t.teardown(() => segmenter.close());
  const embedding = await segmenter.encode(picture());
  await segmenter.train(store, { out: join(t.testdir(), 'run'), steps: 1, batchSize: 1, validateSamples: 1 });
  await t.rejects(segmenter.predict(embedding), { code: 'ERR_INVALID_ARG', message: /older than the model/ });
});

t.test('what the trainer refuses comes out of the loop and of the promise', async (t) => {
  const { training } = await start(t, { batchSize: 0 });
  const loop = async () => {
    for await (const _ of training);
  };
  await t.rejects(loop(), { code: 'ERR_INVALID_ARG', message: /batchSize/ });
  await t.rejects(Promise.resolve(training), { code: 'ERR_INVALID_ARG' });
});
