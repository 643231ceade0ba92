// Ends in the way that the first argument names.
import { ENDLESS, gmiseg, IMAGE, SLOW, say, sleep, TINY } from './common.mjs';

const { Segmenter } = gmiseg;
const [way, store, out] = process.argv.slice(2);

/** @param {object} config */
const load = (config) => Segmenter.load({ config, device: 'cpu', threads: 1 });
/** @param {any} segmenter */
const train = (segmenter) =>
  segmenter.train(store, { out, steps: 1_000_000, batchSize: 1, train: 'decoder', validateEvery: 0 });

switch (way) {
  case 'job': {
    const segmenter = await load(ENDLESS);
    segmenter.encode(IMAGE).then(() => say('the job ended before the process'));
    await sleep(100);
    say('leaving');
    process.exit(7);
    break;
  }
  case 'queued': {
    const segmenter = await load(SLOW);
    for (let index = 0; index < 200; index++) segmenter.encode(IMAGE);
    await sleep(50);
    process.exit(7);
    break;
  }
  case 'training': {
    for await (const step of train(await load(TINY))) {
      if (step.step < 2) continue;
      say('leaving');
      process.exit(7);
    }
    break;
  }
  case 'uncaught': {
    const segmenter = await load(SLOW);
    segmenter.encode(IMAGE).catch(() => {});
    await sleep(100);
    throw new Error('thrown on purpose');
  }
  case 'progress': {
    await Segmenter.load({ config: TINY, onProgress: () => process.exit(7) });
    say('still there');
    break;
  }
  case 'idle': {
    // All of them open: a session, an embedding, a stream that nobody reads any more.
    const segmenter = await load(TINY);
    const embedding = await segmenter.encode(IMAGE);
    for await (const _ of train(segmenter)) break;
    Object.assign(globalThis, { segmenter, embedding });
    say('idle');
    break;
  }
  case 'pending': {
    // Nothing but the job keeps the process alive.
    const segmenter = await load(SLOW);
    segmenter.encode(IMAGE).then(() => say('the job ended'));
    break;
  }
  default:
    throw new Error(`unknown way ${way}`);
}
