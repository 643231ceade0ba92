/** What may happen to a job while it waits or runs, with the real encoder at work on its own thread. */
import t, { type Test } from 'tap';
import { GmisegError } from '../../lib/errors.js';
import type { LoadOptions } from '../../lib/load-options.js';
import { Segmenter } from '../../lib/segmenter.js';
import { picture, SLOW, TINY } from '../helpers/models.js';
import { nativeSession } from '../helpers/native-session.js';

const CPU = { device: 'cpu', threads: 1 } as const;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

async function load(t: Test, options: LoadOptions): Promise<Segmenter> {
  const segmenter = await Segmenter.load({ ...CPU, ...options });
  t.teardown(() => segmenter.close());
  return segmenter;
}

t.test('the event loop turns while the encoder works', async (t) => {
  const segmenter = await load(t, { config: SLOW });
  let turns = 0;
  let working = true;
  const job = segmenter.encode(picture()).finally(() => {
    working = false;
  });
  while (working) {
    turns++;
    await turn();
  }
  t.match((await job).shape, [1, 32, 48, 48]);
  t.ok(turns > 10, `${turns} turns`);
});

t.test('an abort between encoder blocks rejects with the reason, and later jobs work', async (t) => {
  const segmenter = await load(t, { config: SLOW });
  const controller = new AbortController();
  const reason = new Error('changed my mind');
  const job = segmenter.encode(picture(), { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 100);
  t.equal(await job.catch((error) => error), reason);

  const again = await segmenter.encode(picture());
  t.equal(again.toArray().every(Number.isFinite), true);
});

t.test('AbortSignal.timeout ends a prediction with its TimeoutError', async (t) => {
  const segmenter = await load(t, { config: SLOW });
  await t.rejects(segmenter.predict(picture(), {}, { signal: AbortSignal.timeout(50) }), {
    name: 'TimeoutError',
  });
});

t.test('a job that is aborted while it waits never starts and does not disturb the others', async (t) => {
  const segmenter = await load(t, { config: SLOW });
  const order: string[] = [];
  const note = (name: string) => () => order.push(name);
  const controller = new AbortController();
  const first = segmenter.encode(picture()).then(note('first'));
  const second = segmenter.encode(picture(), { signal: controller.signal }).catch(note('second aborted'));
  const third = segmenter.encode(picture(8, 8)).then(note('third'));
  controller.abort();
  await Promise.all([first, second, third]);
  t.same(order, ['second aborted', 'first', 'third']);
});

t.test('the native queue: a job that is aborted there never starts, abort() is idempotent', async (t) => {
  const session = await nativeSession({ config: JSON.stringify(SLOW) });
  t.teardown(() => session.close());
  const first = session.encode(picture(8, 8));
  const second = session.encode(picture(8, 8));
  second.abort();
  second.abort();
  await t.rejects(second.promise, { code: 'ERR_ABORTED', message: /before it started/, native: '' });
  first.abort();
  await t.rejects(first.promise, { code: 'ERR_ABORTED' });
  first.abort();
});

t.test('an aborted load leaves nothing behind', async (t) => {
  await t.rejects(Segmenter.load({ ...CPU, config: TINY, signal: AbortSignal.abort() }), {
    name: 'AbortError',
  });
  const controller = new AbortController();
  const job = Segmenter.load({
    ...CPU,
    config: TINY,
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  });
  await t.rejects(job, { message: 'enough' });
  t.equal((await load(t, { config: TINY })).info.parameters, 307596);
});

t.test('what a progress callback throws, the promise rejects with', async (t) => {
  const thrown = new RangeError('thrown on purpose');
  const job = Segmenter.load({
    ...CPU,
    config: TINY,
    onProgress: () => {
      throw thrown;
    },
  });
  t.equal(await job.catch((error) => error), thrown);
  t.equal((await load(t, { config: TINY })).closed, false, 'and the process goes on');
});

t.test('progress goes from stage to stage within 0 and 1', async (t) => {
  const seen: { stage: string; fraction: number }[] = [];
  await load(t, { config: TINY, onProgress: (progress) => seen.push(progress) });
  t.ok(seen.length > 0);
  for (const { stage, fraction } of seen) {
    t.ok(stage.length > 0);
    t.ok(fraction >= 0 && fraction <= 1, `${stage} ${fraction}`);
  }
});

t.test('inputs may be changed or transferred as soon as the call returns', async (t) => {
  const segmenter = await load(t, { config: TINY });
  const expected = (await segmenter.encode(picture())).toArray();

  const blocker = segmenter.encode(picture(300, 300)); // so that the next ones wait
  const overwritten = picture();
  const transferred = picture();
  const pooled = { ...picture(), data: Buffer.from(picture().data) };
  const jobs = [overwritten, transferred, pooled].map((image) => segmenter.encode(image));
  overwritten.data.fill(0);
  structuredClone(transferred.data.buffer, { transfer: [transferred.data.buffer as ArrayBuffer] });
  t.equal(transferred.data.length, 0);
  pooled.data.fill(0);
  await blocker;
  for (const job of jobs) t.same((await job).toArray(), expected);
});

t.test('the native side copies its inputs too', async (t) => {
  const session = await nativeSession({ config: JSON.stringify(TINY) });
  t.teardown(() => session.close());
  const expected = (await session.encode(picture()).promise).toArray();
  const image = picture();
  const job = session.encode(image);
  structuredClone(image.data.buffer, { transfer: [image.data.buffer as ArrayBuffer] });
  t.same((await job.promise).toArray(), expected);
});

t.test('close() during jobs: they fail with ERR_CLOSED, it waits, and it may be called again', async (t) => {
  const segmenter = await load(t, { config: SLOW });
  const jobs = [
    segmenter.encode(picture()),
    segmenter.predict(picture()),
    segmenter.save(`${t.testdir()}/x.safetensors`),
  ];
  const outcomes = Promise.allSettled(jobs);
  await pause(50);
  const closing = segmenter.close();
  t.equal(segmenter.closed, true);
  await closing;
  await segmenter.close();
  for (const outcome of await outcomes) {
    t.match(outcome, { status: 'rejected', reason: { name: 'GmisegError', code: 'ERR_CLOSED' } });
  }
});

t.test('after close() every call fails with ERR_CLOSED, and what it was can still be asked', async (t) => {
  const segmenter = await load(t, { config: TINY });
  const embedding = await segmenter.encode(picture());
  await segmenter.close();
  await t.rejects(segmenter.encode(picture()), { code: 'ERR_CLOSED' });
  await t.rejects(segmenter.predict(embedding), { code: 'ERR_CLOSED' });
  await t.rejects(segmenter.save('x.safetensors'), { code: 'ERR_CLOSED' });
  await t.rejects(Promise.resolve(segmenter.train('store', { out: 'run' })), { code: 'ERR_CLOSED' });
  t.equal(segmenter.info.parameters, 307596);
  t.equal(embedding.toArray().length, 32 * 8 * 8, 'an embedding is closed on its own');
});

t.test('await using closes', async (t) => {
  let kept: Segmenter;
  {
    await using segmenter = await Segmenter.load({ ...CPU, config: TINY });
    kept = segmenter;
    t.equal(kept.closed, false);
  }
  t.equal(kept.closed, true);
});

t.test('a closed embedding', async (t) => {
  const segmenter = await load(t, { config: TINY });
  const embedding = await segmenter.encode(picture());
  embedding.close();
  embedding.close();
  t.throws(() => embedding.toArray(), { name: 'GmisegError', code: 'ERR_CLOSED' });
  await t.rejects(segmenter.predict(embedding), { code: 'ERR_CLOSED' });
});

t.test('handles of the addon cannot be forged or mixed up', async (t) => {
  const session = await nativeSession({ config: JSON.stringify(TINY) });
  t.teardown(() => session.close());
  const Constructor = session.constructor as new () => unknown;
  t.throws(() => new Constructor(), /comes from load\(\)/);
  const out = { masks: new Uint8Array(1), scores: new Float32Array(1), stability: new Float32Array(1) };
  for (const fake of [{}, session, null, 5]) {
    const job = session.predict(fake as never, { rows: 1, pointsPerRow: 0 }, { multimask: false }, out);
    await t.rejects(job.promise, { code: 'ERR_INVALID_ARG', message: /embedding/ });
  }
  const embedding = await session.encode(picture()).promise;
  t.throws(() => session.encode.call(embedding as never, picture()), TypeError);
  const short = session.predict(embedding, { rows: 1, pointsPerRow: 0 }, { multimask: false }, out);
  await t.rejects(short.promise, {
    code: 'ERR_SHAPE',
    message: /out\.masks must have 1920 elements, but has 1/,
  });
});

t.test('errors carry the stack of the call', async (t) => {
  async function callerOfMine(): Promise<unknown> {
    return Segmenter.load({ ...CPU, checkpoint: '/there/is/none.safetensors' });
  }
  const error: unknown = await callerOfMine().catch((error) => error);
  t.ok(error instanceof GmisegError);
  t.match(error, { code: 'ERR_CHECKPOINT_NOT_FOUND', message: /\/there\/is\/none\.safetensors/ });
  t.match((error as Error).stack, /callerOfMine/);
});
