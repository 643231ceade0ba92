// Loads and drops models, says how much memory the process has gained. With --expose-gc.
import { gmiseg, IMAGE, say, sleep, TINY } from './common.mjs';

const { Segmenter } = gmiseg;
const [way] = process.argv.slice(2);
// 12 MB of weights: a leak of some of the models shows at once.
const config = { ...TINY, embed_dim: 256, depth: 4, window_size: 3 };

async function round() {
  const segmenter = await Segmenter.load({ config, device: 'cpu', threads: 1 });
  const embedding = await segmenter.encode(IMAGE);
  await segmenter.predict(embedding, { points: [{ x: 20, y: 20 }] });
  if (way === 'close') {
    embedding.close();
    await segmenter.close();
  }
}

async function collect() {
  for (let pass = 0; pass < 3; pass++) {
    globalThis.gc?.();
    // Finalizers run in a turn of the event loop.
    await sleep(10);
  }
}

/** @param {number} count */
async function rounds(count) {
  for (let index = 0; index < count; index++) {
    await round();
    if (way === 'gc') await collect();
  }
  await collect();
  return process.memoryUsage().rss / 2 ** 20;
}

const before = await rounds(10);
const after = await rounds(30);
say(JSON.stringify({ before, after, external: process.memoryUsage().external / 2 ** 20 }));
