/** Embeddings on disk: the same answers without the encoder, and never a stale or broken one. */
import { existsSync } from 'node:fs';
import { copyFile, readdir, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { LoadOptions } from '../../lib/load-options.js';
import { Segmenter } from '../../lib/segmenter.js';
import { readTensors, writeTensors } from '../helpers/checkpoints.js';
import { picture, TINY, TINY_WEIGHTS } from '../helpers/models.js';
import { discs, taskModel } from '../helpers/tasks.js';

async function open(t: Test, options: LoadOptions): Promise<Segmenter> {
  const segmenter = await Segmenter.load({
    ...(options.checkpoint === undefined ? { checkpoint: TINY_WEIGHTS, config: TINY } : {}),
    device: 'cpu',
    threads: 1,
    ...options,
  });
  t.teardown(() => segmenter.close());
  return segmenter;
}

const kept = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith('.safetensors')).sort();

async function embedded(segmenter: Segmenter, seed = 0): Promise<Buffer> {
  const image = picture();
  image.data[0] = seed;
  const embedding = await segmenter.encode(image);
  const data = embedding.toArray();
  embedding.close();
  return Buffer.from(data.buffer);
}

t.test('what was kept is what would be computed', async (t) => {
  const embeddingCache = join(t.testdir(), 'made', 'here');
  const want = await embedded(await open(t, {}));
  t.same(await embedded(await open(t, { embeddingCache })), want);
  t.equal((await kept(embeddingCache)).length, 1);
  const [name] = await kept(embeddingCache);
  const file = join(embeddingCache, name!);
  await utimes(file, 1000, 1000);
  const { ino } = await stat(file);
  t.same(await embedded(await open(t, { embeddingCache })), want, 'in another session');
  const after = await stat(file);
  t.equal(after.ino, ino, 'found: what is computed would be a new file');
  t.ok(after.mtimeMs > 1e9, 'and marked as used');
  t.equal((await kept(embeddingCache)).length, 1);
});

t.test('other pictures, weights, sizes and types are others', async (t) => {
  const embeddingCache = t.testdir();
  const first = await open(t, { embeddingCache });
  await embedded(first);
  await embedded(first, 1);
  t.equal((await kept(embeddingCache)).length, 2);
  await embedded(await open(t, { embeddingCache, dtype: 'bfloat16' }));
  await embedded(await open(t, { embeddingCache, imageSize: 96 }));
  await embedded(await open(t, { embeddingCache, checkpoint: undefined as never, config: TINY, seed: 1 }));
  t.equal((await kept(embeddingCache)).length, 5);
  // The checkpoint changes under its name.
  const checkpoint = join(t.testdir({}), 'weights.safetensors');
  await copyFile(TINY_WEIGHTS, checkpoint);
  await embedded(await open(t, { embeddingCache: join(embeddingCache, 'b'), checkpoint, config: TINY }));
  const other = await Segmenter.load({ config: TINY, seed: 9, device: 'cpu' });
  await other.save(checkpoint, { what: 'full' });
  await other.close();
  await embedded(await open(t, { embeddingCache: join(embeddingCache, 'b'), checkpoint, config: TINY }));
  t.equal((await kept(join(embeddingCache, 'b'))).length, 2);
});

t.test('with an adapter as well', async (t) => {
  const folder = t.testdir();
  const trained = await open(t, {});
  const options = {
    out: join(folder, 'run'),
    episodes: true,
    steps: 1,
    batchSize: 1,
    supports: [1],
    queries: 1,
  };
  await trained.train([], { ...options, adapter: { kind: 'lora' }, validateEvery: 0, validateSamples: 0 });
  const adapter = join(folder, 'adapter.safetensors');
  await trained.save(adapter, { what: 'adapter' });
  const embeddingCache = join(folder, 'cache');
  const want = await embedded(await open(t, { adapter, embeddingCache }));
  t.equal((await kept(embeddingCache)).length, 1);
  t.same(await embedded(await open(t, { adapter, embeddingCache })), want);
  await embedded(await open(t, { embeddingCache }));
  t.equal((await kept(embeddingCache)).length, 2, 'without it the picture is seen otherwise');
});

t.test('shards are told apart by what is in them', async (t) => {
  const folder = t.testdir();
  const tensors = Object.entries(readTensors(TINY_WEIGHTS));
  const shards = [tensors.slice(0, 40), tensors.slice(40)];
  const map = shards.flatMap((part, at) => part.map(([name]) => [name, `model-${at}.safetensors`]));
  await writeFile(
    join(folder, 'model.safetensors.index.json'),
    JSON.stringify({ weight_map: Object.fromEntries(map) }),
  );
  const write = (): void => {
    for (const [at, part] of shards.entries())
      writeTensors(join(folder, `model-${at}.safetensors`), Object.fromEntries(part));
  };
  write();
  const embeddingCache = join(folder, 'cache');
  const options = { checkpoint: join(folder, 'model.safetensors.index.json'), config: TINY, embeddingCache };
  const first = await embedded(await open(t, options));
  t.same(first, await embedded(await open(t, {})));
  const [, bias] = tensors.find(([name]) => name === 'image_encoder.patch_embed.proj.bias')!;
  bias.data = Buffer.from(bias.data);
  bias.data.writeFloatLE(bias.data.readFloatLE(0) + 1, 0);
  write();
  t.not((await embedded(await open(t, options))).equals(first), true);
  t.equal((await kept(embeddingCache)).length, 2);
});

t.test('a task is the same to the last bit', async (t) => {
  const folder = t.testdir();
  const checkpoint = await taskModel(folder);
  const answer = async (options: LoadOptions): Promise<Buffer> => {
    const segmenter = await open(t, { checkpoint, ...options });
    const task = await segmenter.defineTask(
      discs(4).map(({ image, mask }) => ({ image, mask })),
      { engine: 'learned' },
    );
    const { probability } = await task.predict(discs(6)[5]!.image, { returnProbability: true });
    return Buffer.from(probability!.buffer);
  };
  const want = await answer({});
  const embeddingCache = join(folder, 'cache');
  t.same(await answer({ embeddingCache }), want);
  t.ok((await kept(embeddingCache)).length >= 5);
  t.same(await answer({ embeddingCache }), want);
});

t.test('a broken file is made anew', async (t) => {
  const embeddingCache = t.testdir();
  const want = await embedded(await open(t, { embeddingCache }));
  const [name] = await kept(embeddingCache);
  const file = join(embeddingCache, name!);
  await truncate(file, 1000);
  t.same(await embedded(await open(t, { embeddingCache })), want);
  await writeFile(file, 'nothing of the kind');
  t.same(await embedded(await open(t, { embeddingCache })), want);
  t.ok((await stat(file)).size > 1000);
});

t.test('beyond its size, what was not asked for the longest goes', async (t) => {
  const embeddingCache = t.testdir();
  await embedded(await open(t, { embeddingCache }), 0);
  const [oldest] = await kept(embeddingCache);
  const { size } = await stat(join(embeddingCache, oldest!));
  await utimes(join(embeddingCache, oldest!), 1000, 1000);
  const segmenter = await open(t, { embeddingCache, embeddingCacheBytes: 2.5 * size });
  await embedded(segmenter, 1);
  t.ok(existsSync(join(embeddingCache, oldest!)));
  await embedded(segmenter, 2);
  t.equal((await kept(embeddingCache)).length, 2);
  t.notOk(existsSync(join(embeddingCache, oldest!)));
});

t.test('after a training nothing is kept or taken', async (t) => {
  const folder = t.testdir();
  const embeddingCache = join(folder, 'cache');
  const segmenter = await open(t, { checkpoint: await taskModel(folder), embeddingCache });
  const before = await embedded(segmenter);
  await segmenter.train([], {
    ...{ out: join(folder, 'more'), episodes: true, steps: 1, batchSize: 1, supports: [1], queries: 1 },
    ...{ warmupSteps: 0, learningRate: 1e-2, validateSamples: 0, validateEvery: 0 },
  });
  t.notSame(await embedded(segmenter), before);
  t.equal((await kept(embeddingCache)).length, 1);
});

t.test('what cannot be a cache is refused', async (t) => {
  const folder = t.testdir({ file: 'text' });
  for (const options of [{ embeddingCache: 5 }, { embeddingCacheBytes: -1 }, { embeddingCache: '' }])
    await t.rejects(open(t, options as never), { code: 'ERR_INVALID_ARG' });
  await t.rejects(open(t, { embeddingCache: join(folder, 'file', 'below') }), {
    code: 'ERR_IO',
    message: /cannot be made.*Name another/,
  });
});
