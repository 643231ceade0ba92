// node scripts/bench/gradients.mjs [CONFIG [SIZE]]: the gradients of a LoRA step (rank 4, queries and values, one picture,
// one box) beside those of transformers' SamModel with eager attention, in float32. vit_b at 512 by default. The peers are
// set up by scripts/bench/setup.mjs. Status 1 where a tensor's differ by more than 1e-5 of their length.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, tail } from '../lib/exec.mjs';
import { ROOT, say } from '../lib/project.mjs';
import { peerFolder } from './cache.mjs';
import { missingPeers } from './peers.mjs';
import { sharedWeights } from './weights.mjs';

const MOST = 1e-5;

const [config = 'vit_b', side = '512'] = process.argv.slice(2);
const size = Number(side);
const missing = missingPeers();
if (missing) {
  say(missing);
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'gmiseg-gradients-'));
try {
  const model = join(await sharedWeights({ config, size }, folder), 'weights.safetensors');
  const out = await train(model);
  const python = await run(peerFolder(process.env).python, [
    join(ROOT, 'scripts', 'bench', 'peers', 'lora_gradients.py'),
    JSON.stringify({ model, size, folder, out }),
  ]);
  if (python.status !== 0) throw new Error(tail(python.stderr));
  const { tensors, largest, name, median } = JSON.parse(python.stdout);
  console.log(`${config}, ${size} pixels: ${tensors} gradients, |ours - theirs| / |theirs|`);
  console.log(`  largest ${largest.toExponential(2)} (${name}), median ${median.toExponential(2)}`);
  process.exitCode = largest <= MOST ? 0 : 1;
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Two steps on one picture. Without momentum the optimiser's first moment is the gradient itself, which the second
 * checkpoint holds; that of `down` is not zero any more after the first.
 *
 * @param {string} model
 * @returns {Promise<string>} the run's folder
 */
async function train(model) {
  const dist = (/** @type {string} */ file) => import(join(ROOT, 'dist', file));
  const [{ Segmenter }, { drawPicture }, { writeDrawnStore }] = await Promise.all(
    ['index.js', 'bench/pictures.js', 'bench/training-store.js'].map(dist),
  );
  const { image, mask } = drawPicture(0, size);
  writeFileSync(join(folder, 'image.u8'), image);
  writeFileSync(join(folder, 'mask.u8'), mask);
  const { store } = await writeDrawnStore(folder, size, 1);
  const segmenter = await Segmenter.load({ checkpoint: model, imageSize: size, device: 'cpu' });
  const out = join(folder, 'run');
  await segmenter.train(store, {
    ...{ out, adapter: { kind: 'lora', rank: 4 }, train: 'adapter', steps: 2, batchSize: 1 },
    ...{ learningRate: 1e-3, warmupSteps: 0, schedule: 'constant', beta1: 0, weightDecay: 0, clipNorm: 0 },
    ...{ boxShare: 1, pointsShare: 0, bothShare: 0, refineShare: 0, boxOffset: 0, flip: 0, noise: 0 },
    ...{ validateSamples: 0, checkpointEvery: 1, keepCheckpoints: 2 },
  });
  await segmenter.close();
  return out;
}
