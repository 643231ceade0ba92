// What a task by example costs as its support set grows: defining it, asking it, keeping it.
//   node scripts/bench-support.mjs [--model RUN|FILE] [--n 1,4,16,64] [--image-size 256] [--queries 10] [--threads N]
// Pictures are painted; the engine is the task encoder. Times are medians, in milliseconds; encoding is part of both.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    n: { type: 'string', default: '1,4,16,64' },
    'image-size': { type: 'string', default: '256' },
    queries: { type: 'string', default: '10' },
    threads: { type: 'string' },
  },
});
const dist = (/** @type {string} */ file) => import(new URL(`../dist/${file}`, import.meta.url).href);
const { resolveModel } = await dist('cli/resolve-model.js');
const { distribution } = await dist('metrics.js');
const { Segmenter } = await dist('segmenter.js');
const { synthesize } = await dist('synthesize.js');

const size = Number(values['image-size']);
const sizes = values.n.split(',').map(Number);
const segmenter = await Segmenter.load({
  ...(values.model ? await resolveModel({ model: values.model }) : {}),
  imageSize: size,
  ...(values.threads ? { threads: Number(values.threads) } : {}),
});
const most = Math.max(...sizes);
const queries = Number(values.queries);
const task = await synthesize({ seed: 1, size, count: most + queries });
/** @param {{ image: Uint8Array, mask: Uint8Array }} subject */
const example = ({ image, mask }) => ({
  image: { data: image, width: size, height: size, channels: task.traits.channels },
  mask: { data: mask, width: size, height: size },
});
const folder = await mkdtemp(join(tmpdir(), 'gmiseg-'));
console.log(`${size} pixels, ${segmenter.info.parameters} weights, ${queries} queries`);
console.log('| N | define, ms | an example more, ms | a query, ms | file, KiB |');
console.log('|---:|---:|---:|---:|---:|');
for (const n of sizes) {
  const supports = task.subjects.slice(0, n).map(example);
  const start = performance.now();
  const defined = await segmenter.defineTask(supports, { engine: 'learned', output: 'mean' });
  const define = performance.now() - start;
  const times = [];
  for (const subject of task.subjects.slice(most)) {
    const before = performance.now();
    await defined.predict(example(subject).image);
    times.push(performance.now() - before);
  }
  const file = join(folder, `${n}.task`);
  await defined.save(file);
  const bytes = (await stat(file)).size;
  console.log(
    `| ${n} | ${define.toFixed(0)} | ${(define / n).toFixed(0)} | ${distribution(times).median.toFixed(0)} | ${(bytes / 1024).toFixed(0)} |`,
  );
  defined.close();
}
await segmenter.close();
await rm(folder, { recursive: true });
