// What SAM ViT-L at 1024 x 1024 costs on this machine, with random weights:
// an embedding, a prediction and LoRA training steps in float32 and bfloat16 with
// activations recomputed. Each case runs in a process of its own, so that the peak
// of its memory is its own.
//   node scripts/vit-l.mjs [--config vit_l] [--steps 2] [--json]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: 'vit_l' },
    steps: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    case: { type: 'string' },
  },
});
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
/** @param {string} file */
const dist = (file) => import(path.join(root, 'dist', file));

const CASES = {
  'encode and predict, float32': { dtype: 'float32' },
  'encode and predict, bfloat16': { dtype: 'bfloat16' },
  'pooled LoRA + decoder step, float32, checkpointing': {
    train: { dtype: 'float32', activationCheckpointing: true },
  },
  'pooled LoRA + decoder step, bfloat16, checkpointing': {
    train: { dtype: 'bfloat16', activationCheckpointing: true },
  },
};

/** Largest resident memory of this process so far, GiB. */
const peak = () =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 2 ** 20;

/** A slice store with a few drawn shapes: what is in the pictures changes no cost. @param {string} folder */
async function writeShapes(folder) {
  const [{ SliceStoreWriter }, { drawShapes, SHAPE_LABELS }, { Random }] = await Promise.all(
    ['slice-store-writer.js', 'shapes.js', 'random.js'].map((file) => dist(`dataset/${file}`)),
  );
  const writer = await SliceStoreWriter.create(folder);
  writer.describe('shapes', SHAPE_LABELS);
  for (let index = 0; index < 4; index++) {
    const { image, mask, labels, size } = drawShapes(new Random(index), 256);
    const place = {
      dataset: 'shapes',
      subject: `s${index}`,
      axis: 2,
      index: 0,
      spacing: [1, 1],
      split: 'train',
    };
    await writer.add({
      ...place,
      height: size,
      width: size,
      channels: 1,
      modality: 'drawn',
      labels,
      image,
      mask,
    });
  }
  await writer.finish({
    command: 'vit-l',
    created: new Date(0).toISOString(),
    gmiseg: '',
    source: 'drawn',
    options: {},
  });
}

/** @param {keyof typeof CASES} name */
async function run(name) {
  const { Segmenter } = await dist('index.js');
  const { dtype, train } = /** @type {{ dtype?: string, train?: Record<string, unknown> }} */ (CASES[name]);
  const seconds = async (/** @type {() => Promise<unknown>} */ work) => {
    const start = performance.now();
    await work();
    return (performance.now() - start) / 1000;
  };
  /** @type {Record<string, number>} */
  const result = {};
  const segmenter = await Segmenter.load({ config: values.config, dtype: dtype ?? 'float32', device: 'cpu' });
  result['loaded GiB'] = peak();
  if (train) {
    const folder = mkdtempSync(path.join(tmpdir(), 'gmiseg-vit-l-'));
    try {
      await writeShapes(path.join(folder, 'store'));
      const times = [];
      const training = segmenter.train(path.join(folder, 'store'), {
        out: path.join(folder, 'run'),
        adapter: { kind: 'pooled' },
        batchSize: 1,
        steps: Number(values.steps),
        validateSamples: 0,
        ...train,
      });
      for await (const report of training) if (report.type === 'step') times.push(report.ms / 1000);
      result['step s'] = Math.min(...times);
    } finally {
      rmSync(folder, { recursive: true });
    }
  } else {
    const data = new Uint8Array(1024 * 1024 * 3).map((_, i) => (7 * i + 13 * Math.floor(i / 3072)) % 256);
    /** @type {any} */
    let embedding;
    result['encode s'] = await seconds(async () => {
      embedding = await segmenter.encode({ data, width: 1024, height: 1024, channels: 3 });
    });
    result['predict s'] = await seconds(() => segmenter.predict(embedding, { box: [100, 100, 600, 700] }));
  }
  result['peak GiB'] = peak();
  await segmenter.close();
  console.log(JSON.stringify(result));
}

if (values.case) {
  await run(/** @type {keyof typeof CASES} */ (values.case));
} else {
  const results = [];
  for (const name of Object.keys(CASES)) {
    const child = spawnSync(
      process.execPath,
      [fileURLToPath(import.meta.url), '--case', name, '--config', values.config, '--steps', values.steps],
      { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
    );
    if (child.status !== 0) {
      console.error(`${name}: failed (${child.signal ?? child.status})`);
      process.exit(1);
    }
    const numbers = JSON.parse(child.stdout);
    results.push({ name, ...numbers });
    if (!values.json) {
      const text = Object.entries(numbers).map(
        ([key, value]) => `${key.split(' ')[0]} ${Number(value).toFixed(2)} ${key.split(' ')[1]}`,
      );
      console.log(`${values.config}, ${name}: ${text.join(', ')}`);
    }
  }
  if (values.json) console.log(JSON.stringify(results));
}
