import { Random } from '../../lib/dataset/random.js';
import { SliceStoreWriter } from '../../lib/dataset/slice-store-writer.js';
import { drawShapes, SHAPE_LABELS } from './shapes.js';

/** Writes a slice store of drawn shapes at `path`: `count` slices for training, a few for validation. */
export async function writeShapeStore(path: string, count = 8, size = 64): Promise<string> {
  const writer = await SliceStoreWriter.create(path);
  writer.describe('shapes', SHAPE_LABELS);
  for (let index = 0; index < count + 2; index++) {
    const { image, mask, labels } = drawShapes(new Random(index + 1), size);
    await writer.add({
      dataset: 'shapes',
      subject: `s${index}`,
      axis: 2,
      index: 0,
      spacing: [1, 1],
      height: size,
      width: size,
      channels: 1,
      modality: 'drawn',
      split: index < count ? 'train' : 'val',
      labels,
      image,
      mask,
    });
  }
  await writer.finish({
    command: 'test',
    created: '2020-01-01T00:00:00.000Z',
    gmiseg: '0.0.0',
    source: 'drawn',
    options: {},
  });
  return path;
}
