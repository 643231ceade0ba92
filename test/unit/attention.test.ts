/** What inference on the CPU runs on: one kernel for attention, weights laid out for products; against the plain arithmetic. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runtimeInfo } from '../../lib/inspect.js';
import type { ModelConfig } from '../../lib/load-options.js';
import { Segmenter } from '../../lib/segmenter.js';
import { picture, TINY, TINY_WEIGHTS } from '../helpers/models.js';
import { writeShapeStore } from '../helpers/shape-store.js';

async function embedding(segmenter: Segmenter): Promise<Float32Array> {
  const found = await segmenter.encode(picture());
  try {
    return await found.toArray();
  } finally {
    found.close();
  }
}

/** The embedding as the kernel computes it, and with an adapter of zeros that cannot use it. */
async function both(
  t: Test,
  config: ModelConfig,
  dtype: 'float32' | 'bfloat16',
): Promise<[Float32Array, Float32Array]> {
  const folder = t.testdir();
  const store = await writeShapeStore(join(folder, 'store'));
  const segmenter = await Segmenter.load({ config, device: 'cpu', dtype, threads: 2 });
  t.teardown(() => segmenter.close());
  const fused = await embedding(segmenter);
  await segmenter.train(store, {
    out: join(folder, 'run'),
    steps: 1,
    learningRate: 0,
    batchSize: 1,
    train: 'adapter',
    adapter: { kind: 'token-pooled' },
    dtype,
    validateEvery: 0,
    validateSamples: 0,
  });
  return [fused, await embedding(segmenter)];
}

function furthest(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

const CONFIGS: Record<string, Partial<ModelConfig>> = {
  'windows that fit the grid': { image_size: 128, window_size: 4 },
  'windows with padding': { image_size: 144, window_size: 4 },
  'windows of odd sides': { image_size: 208, window_size: 5 },
  'windows larger than the grid': { image_size: 128, window_size: 14 },
  'more keys than one block, odd sides': { image_size: 560, window_size: 3 },
  'wide heads': { image_size: 192, num_heads: 1, window_size: 4 },
  'narrow heads': { image_size: 192, num_heads: 8, window_size: 4 },
};

for (const [name, change] of Object.entries(CONFIGS)) {
  t.test(name, async (t) => {
    const [fused, plain] = await both(t, { ...TINY, ...change }, 'float32');
    t.equal(fused.length, plain.length);
    const spread = Math.max(...plain.map(Math.abs));
    t.ok(furthest(fused, plain) < 1e-5 * Math.max(1, spread), `${furthest(fused, plain)} of ${spread}`);
    t.ok(spread > 0.1);
  });
}

t.test('weights laid out for inference are saved as they were', async (t) => {
  for (const dtype of ['float32', 'bfloat16'] as const) {
    const folder = t.testdir();
    const segmenter = await Segmenter.load({ checkpoint: TINY_WEIGHTS, config: TINY, device: 'cpu', dtype });
    t.teardown(() => segmenter.close());
    const [before, after, again] = ['before', 'after', 'again'].map((name) => join(folder, name));
    await segmenter.save(before!, { what: 'full' });
    const first = await embedding(segmenter);
    await segmenter.save(after!, { what: 'full' });
    t.ok(readFileSync(after!).equals(readFileSync(before!)));
    t.same(await embedding(segmenter), first);
    await segmenter.save(again!, { what: 'full' });
    t.ok(readFileSync(again!).equals(readFileSync(before!)));
  }
});

t.test('without arithmetic of bfloat16, small weights are computed with in float32', async (t) => {
  const half = await Segmenter.load({
    checkpoint: TINY_WEIGHTS,
    config: TINY,
    device: 'cpu',
    dtype: 'bfloat16',
  });
  t.teardown(() => half.close());
  const rounded = join(t.testdir(), 'rounded.safetensors');
  await half.save(rounded, { what: 'full' });
  const wide = await Segmenter.load({ checkpoint: rounded, device: 'cpu' });
  t.teardown(() => wide.close());
  t.equal(half.info.dtype, 'bfloat16');
  const [small, exact] = [await embedding(half), await embedding(wide)];
  const spread = Math.max(...exact.map(Math.abs));
  const within = runtimeInfo().bfloat16 ? 0.2 : 1e-5;
  t.ok(furthest(small, exact) < within * spread, `${furthest(small, exact)} of ${spread}`);
  const box = [4, 4, 24, 20] as const;
  const [got, want] = await Promise.all(
    [half, wide].map(
      async (segmenter) => await segmenter.predict(picture(), { boxes: [box] }, { returnLogits: true }),
    ),
  );
  const scale = Math.max(...want!.logits!.map(Math.abs));
  t.ok(furthest(got!.logits!, want!.logits!) < within * scale);
});

t.test('bfloat16, with padding and odd sides', async (t) => {
  const [fused, plain] = await both(t, { ...TINY, image_size: 208, window_size: 5 }, 'bfloat16');
  const apart = fused.reduce((sum, value, i) => sum + Math.abs(value - plain[i]!), 0) / fused.length;
  t.ok(apart < 0.02, `mean difference ${apart}`);
});
