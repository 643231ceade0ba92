// node scripts/bench/late-adapter.mjs [CONFIG [SIZE [ROUNDS]]]: seconds of a training step (one picture of four, one box)
// where LoRA is on all blocks of the encoder, on their last quarter, on that with what lies before it kept, and where the
// decoder trains alone, kept. vit_b at 512 and three rounds by default: the median of the later half of twelve steps.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../lib/project.mjs';

const STEPS = 12;

const [config = 'vit_b', side = '512', times = '3'] = process.argv.slice(2);
const size = Number(side);
const dist = (/** @type {string} */ file) => import(join(ROOT, 'dist', file));
const [{ Segmenter }, { writeDrawnStore }, { distribution }] = await Promise.all(
  ['index.js', 'bench/training-store.js', 'metrics.js'].map(dist),
);
const folder = mkdtempSync(join(tmpdir(), 'gmiseg-late-'));
try {
  const { store } = await writeDrawnStore(folder, size);
  const segmenter = await Segmenter.load({ config, imageSize: size, device: 'cpu' });
  const { depth } = segmenter.info.config;
  const late = { kind: 'lora', rank: 4, firstBlock: depth - Math.round(depth / 4) };
  /** @type {[string, object][]} */
  const ways = [
    ['all blocks', { adapter: { ...late, firstBlock: 0 }, train: 'adapter' }],
    ['last quarter', { adapter: late, train: 'adapter', activationCache: 0 }],
    ['last quarter, kept', { adapter: late, train: 'adapter' }],
    ['decoder alone, kept', { train: 'decoder' }],
  ];
  /** @type {Map<string, number[]>} */
  const rounds = new Map(ways.map(([name]) => [name, []]));
  for (let round = 0; round < Number(times); round++) {
    for (const [name, options] of ways) {
      const out = join(folder, 'run');
      /** @type {number[]} */
      const seconds = [];
      const training = segmenter.train(store, {
        ...{ out, steps: STEPS, batchSize: 1, warmupSteps: 0, validateSamples: 0, checkpointEvery: STEPS },
        ...{ boxShare: 1, pointsShare: 0, bothShare: 0, refineShare: 0, flip: 0, noise: 0, seed: 1 },
        ...options,
      });
      for await (const report of training) if (report.type === 'step') seconds.push(report.ms / 1000);
      rmSync(out, { recursive: true });
      // By then most pictures have been seen.
      rounds.get(name)?.push(distribution(seconds.slice(STEPS / 2)).median);
    }
  }
  console.log(`${config}, ${size} pixels, seconds of a step by round`);
  for (const [name, seconds] of rounds)
    console.log(
      `  ${name.padEnd(20)} ${seconds.map((/** @type {number} */ each) => each.toFixed(3)).join('  ')}`,
    );
  await segmenter.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
