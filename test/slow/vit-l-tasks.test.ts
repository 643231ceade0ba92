/** Tasks by example on an embedding of SAM ViT-L's shape: the task encoder learns beside it, both engines answer. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Segmenter } from '../../lib/segmenter.js';
import { discs } from '../helpers/tasks.js';

t.test('a task encoder beside a frozen ViT-L', { timeout: 900_000 }, async (t) => {
  const folder = t.testdir();
  const load = { config: 'vit_l', imageSize: 512, device: 'cpu', seed: 1 } as const;
  const segmenter = await Segmenter.load(load);
  t.teardown(() => segmenter.close());
  const { trainableParameters } = await segmenter.train([], {
    out: join(folder, 'run'),
    episodes: true,
    train: 'task-encoder',
    taskEncoder: {},
    steps: 2,
    batchSize: 1,
    supports: [1],
    queries: 1,
    validateEvery: 0,
    validateSamples: 0,
    validateSupports: 1,
  });
  t.ok(trainableParameters > 1e5 && trainableParameters < 1e7, `${trainableParameters} parameters learned`);
  const examples = discs(3);
  const query = discs(5).at(-1)!.image;
  for (const engine of ['learned', 'training-free'] as const) {
    const task = await segmenter.defineTask(examples.slice(0, 2), { engine, view: 'whole', partner: 'none' });
    const file = join(folder, `${engine}.gmtask`);
    await task.save(file);
    t.ok(statSync(file).size < 8 * 2 ** 20, `${engine}: ${statSync(file).size} bytes`);
    const start = performance.now();
    const { probability } = await task.predict(query, { returnProbability: true });
    t.comment(`${engine}: a query takes ${((performance.now() - start) / 1000).toFixed(1)} s`);
    t.ok(probability!.every((value) => value >= 0 && value <= 1));
    t.not(Math.min(...probability!), Math.max(...probability!), 'not the same everywhere');
    const again = await segmenter.loadTask(file);
    const { probability: same } = await again.predict(query, { returnProbability: true });
    t.same(same, probability, `${engine}: the file answers as the task did`);
    const bytes = readFileSync(file);
    await again.save(file);
    t.ok(readFileSync(file).equals(bytes), 'and is written as it was');
  }
});
