import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { DatasetCase } from './case.js';

/** Bytes of a case's files on disk; a folder counts with the files right in it. Files that are missing count 0. */
export async function caseBytes(one: DatasetCase): Promise<number> {
  const files = new Set([...one.imagePaths, one.labelPath]);
  const sizes = await Promise.all([...files].map((file) => bytesAt(file, true)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function bytesAt(file: string, inside: boolean): Promise<number> {
  const info = await stat(file).catch(() => null);
  if (info === null) return 0;
  if (!info.isDirectory()) return info.size;
  if (!inside) return 0;
  const names = await readdir(file);
  const sizes = await Promise.all(names.map((name) => bytesAt(path.join(file, name), false)));
  return sizes.reduce((sum, size) => sum + size, 0);
}
