import { Random } from '../../lib/statistics/random.js';
import { writeDrawnStore } from './drawn-store.js';
import { drawShapes, SHAPE_LABELS } from './shapes.js';

/** Writes a slice store of drawn shapes at `path`: `count` slices for training, a few for validation. */
export async function writeShapeStore(path: string, count = 8, size = 64): Promise<string> {
  const slices = Array.from({ length: count + 2 }, (_, index) => {
    const { image, mask, labels } = drawShapes(new Random(index + 1), size);
    const split = index < count ? ('train' as const) : ('val' as const);
    return { subject: `s${index}`, height: size, width: size, split, labels, image, mask };
  });
  return await writeDrawnStore(path, 'shapes', SHAPE_LABELS, slices);
}
