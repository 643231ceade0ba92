import path from 'node:path';
import { SliceStoreWriter } from '../dataset/slice-store-writer.js';
import { packageRoot } from '../package-root.js';
import { drawPicture } from './pictures.js';
import type { Settings } from './protocol.js';

/** A slice store of `count` drawn pictures below `folder`, named in the settings as `store`. */
export async function writeDrawnStore(folder: string, size: number, count = 4): Promise<Settings> {
  const store = path.join(folder, 'store');
  const writer = await SliceStoreWriter.create(store);
  writer.describe('drawn', new Map([[1, 'ellipse']]));
  for (let at = 0; at < count; at++) {
    const { image, mask } = drawPicture(at, size);
    await writer.add({
      dataset: 'drawn',
      subject: `s${at}`,
      axis: 2,
      index: 0,
      spacing: [1, 1],
      height: size,
      width: size,
      channels: 1,
      modality: 'drawn',
      split: 'train',
      labels: new Map([[1, mask.reduce((sum, value) => sum + value, 0)]]),
      image,
      mask,
    });
  }
  await writer.finish({
    command: 'gmiseg bench',
    created: new Date().toISOString(),
    gmiseg: packageRoot().version,
    source: 'drawn',
    options: {},
  });
  return { store };
}
