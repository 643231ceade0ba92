import { join } from 'node:path';
import t from 'tap';
import { FIXTURES, readTensors } from '../helpers/checkpoints.js';
import { nativeSession } from '../helpers/native-session.js';
import type { RawTensor } from '../helpers/safetensors.js';

// What transformers' SamModel makes of the same weights (scripts/dev/make-checkpoint-fixtures.py).
const HF = join(FIXTURES, 'hf-sam-tiny');
const cases = readTensors(join(HF, 'cases.safetensors'));

function floats(tensor: RawTensor | undefined): Float32Array {
  const bytes = Uint8Array.from(tensor!.data);
  if (tensor!.dtype === 'I64') return Float32Array.from(new BigInt64Array(bytes.buffer), Number);
  return new Float32Array(bytes.buffer);
}

/** The largest difference, in parts of the reference's largest value (at least 1). */
function difference(found: Float32Array, name: string): number {
  const expected = floats(cases[name]);
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [most, scale] = [0, 1];
  for (const [i, value] of expected.entries()) {
    most = Math.max(most, Math.abs(value - found[i]!));
    scale = Math.max(scale, Math.abs(value));
  }
  return most / scale;
}

t.test("a Hugging Face folder computes what transformers' SamModel computes", async (t) => {
  const session = await nativeSession({ checkpoint: HF });
  const [height, width] = cases.image!.shape as [number, number];
  const embedding = await session.encode({
    data: Uint8Array.from(cases.image!.data),
    width,
    height,
    channels: 3,
  }).promise;
  t.ok(difference(embedding.toArray(), 'image_embeddings') < 2e-4, 'image embedding');

  for (const name of ['points', 'box', 'points_box', 'points_mask']) {
    const points = cases[`${name}.input_points`];
    const boxes = cases[`${name}.input_boxes`];
    const masks = cases[`${name}.input_masks`];
    for (const [kind, count] of [
      ['single', 1],
      ['multi', 3],
    ] as const) {
      const lowRes = new Float32Array(count * session.lowResSize ** 2);
      const scores = new Float32Array(count);
      await session.predict(
        embedding,
        {
          rows: 1,
          pointsPerRow: points ? points.shape[2]! : 0,
          ...(points && { points: floats(points), labels: floats(cases[`${name}.input_labels`]) }),
          ...(boxes && { boxes: floats(boxes) }),
          ...(masks && { maskLogits: floats(masks) }),
        },
        { multimask: count === 3 },
        {
          masks: new Uint8Array(count * width * height),
          scores,
          stability: new Float32Array(count),
          lowRes,
        },
      ).promise;
      t.ok(difference(lowRes, `${name}.${kind}.pred_masks`) < 2e-4, `${name} ${kind}: masks`);
      t.ok(difference(scores, `${name}.${kind}.iou_scores`) < 2e-4, `${name} ${kind}: scores`);
    }
  }
  embedding.close();
  session.close();
});
