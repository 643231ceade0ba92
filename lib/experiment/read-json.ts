import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { GmisegError } from '../errors.js';

/**
 * A small file that an experiment wrote; null where there is none.
 * @throws GmisegError ERR_IO where it is damaged
 */
export async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  try {
    return schema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new GmisegError(
      'ERR_IO',
      `${file} was not written by an experiment of gmiseg, or is damaged; remove it.`,
      {
        cause,
        details: { path: file },
      },
    );
  }
}
