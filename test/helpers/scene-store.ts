import { writeDrawnStore } from './drawn-store.js';
import type { Scene } from './tasks.js';

/** Writes a slice store of one task, "discs/1/k": the scenes for training, and the first of them for validation too. */
export async function writeSceneStore(path: string, scenes: readonly Scene[]): Promise<string> {
  const all = [...scenes.map((scene) => ['train', scene] as const), ['val', scenes[0]!] as const];
  const slices = all.map(([split, { image, mask }], at) => ({
    subject: `s${at}`,
    height: image.height,
    width: image.width,
    split,
    image: image.data,
    mask: mask.data,
  }));
  return await writeDrawnStore(path, 'discs', new Map([[1, 'disc']]), slices);
}
