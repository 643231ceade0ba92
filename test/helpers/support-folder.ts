import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { encode as encodePng } from 'fast-png';
import type { Scene } from './tasks.js';

/** Writes scenes as `--support` takes them: PNG in images/ and masks/. */
export async function writeScenes(folder: string, scenes: readonly Scene[]): Promise<void> {
  await mkdir(path.join(folder, 'images'), { recursive: true });
  await mkdir(path.join(folder, 'masks'), { recursive: true });
  for (const [at, { image, mask }] of scenes.entries()) {
    await writeFile(path.join(folder, 'images', `case${at}.png`), encodePng(image));
    await writeFile(path.join(folder, 'masks', `case${at}.png`), encodePng({ ...mask, channels: 1 }));
  }
}
