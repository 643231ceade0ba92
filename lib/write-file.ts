import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { writeAtomically } from './image/atomic-write.js';

/** Writes a small file whole or not at all; makes its folder. */
export async function writeFileAtomically(file: string, data: string | Uint8Array): Promise<void> {
  await mkdir(path.dirname(path.resolve(file)), { recursive: true });
  await writeAtomically(file, [typeof data === 'string' ? Buffer.from(data) : data]);
}
