/** Each baseline learns one task by heart: minutes of work. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { BaselineConfig } from '../../lib/baseline.js';
import { overlap } from '../../lib/metrics.js';
import { Segmenter } from '../../lib/segmenter.js';
import type { TrainOptions } from '../../lib/train-options.js';
import { writeSceneStore } from '../helpers/scene-store.js';
import { discs } from '../helpers/tasks.js';

const SCENES = discs(12, { width: 64, height: 64 });

/** Mean Dice of the pictures that a network was trained on, by the task interface. */
async function learned(t: Test, config: BaselineConfig, options: Partial<TrainOptions>): Promise<number> {
  const folder = t.testdir();
  const store = await writeSceneStore(join(folder, 'store'), SCENES);
  const segmenter = await Segmenter.load({ config, device: 'cpu', threads: 2 });
  t.teardown(() => segmenter.close());
  await segmenter.train(store, {
    out: join(folder, 'run'),
    syntheticShare: 0,
    supports: [4],
    queries: 2,
    noise: 0,
    validateEvery: 0,
    validateSamples: 0,
    ...options,
  });
  const task = await segmenter.defineTask(SCENES.slice(0, 6));
  let sum = 0;
  for (const { image, mask } of SCENES) {
    const { masks } = await task.predict(image);
    sum += overlap(masks, mask.data).dice;
  }
  return sum / SCENES.length;
}

const CASES: readonly [BaselineConfig, Partial<TrainOptions>][] = [
  [
    { method: 'universeg', image_size: 64, widths: [16, 16, 16, 16] },
    { episodes: true, steps: 300, batchSize: 1, learningRate: 2e-3, warmupSteps: 20 },
  ],
  [
    { method: 'neuralizer', image_size: 64, width: 16 },
    { episodes: true, steps: 300, batchSize: 1, learningRate: 2e-3, warmupSteps: 20 },
  ],
  [
    { method: 'unet', image_size: 64, widths: [8, 16, 32] },
    { steps: 150, batchSize: 4, learningRate: 3e-3 },
  ],
  [
    { method: 'cyclegan', image_size: 64, width: 16, blocks: 2, variant: 'C2' },
    { steps: 300, learningRate: 1e-3 },
  ],
];

for (const [config, options] of CASES) {
  t.test(`${config.method} ${config.variant ?? ''} learns one task by heart`, async (t) => {
    const dice = await learned(t, config, options);
    t.ok(dice > 0.95, `Dice ${dice.toFixed(3)}`);
  });
}
