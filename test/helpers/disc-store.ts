import { SliceStoreWriter } from '../../lib/dataset/slice-store-writer.js';
import type { Scene } from './tasks.js';

/** Writes a slice store of one task, "discs/1/k": the scenes for training, and the first of them for validation too. */
export async function writeDiscStore(path: string, scenes: readonly Scene[]): Promise<string> {
  const writer = await SliceStoreWriter.create(path);
  writer.describe('discs', new Map([[1, 'disc']]));
  const all = [...scenes.map((scene) => ['train', scene] as const), ['val', scenes[0]!] as const];
  for (const [at, [split, { image, mask }]] of all.entries()) {
    const pixels = mask.data.reduce((sum, value) => sum + value, 0);
    await writer.add({
      dataset: 'discs',
      subject: `s${at}`,
      axis: 2,
      index: 0,
      spacing: [1, 1],
      height: image.height,
      width: image.width,
      channels: 1,
      modality: 'drawn',
      split,
      labels: new Map([[1, pixels]]),
      image: image.data,
      mask: mask.data,
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
