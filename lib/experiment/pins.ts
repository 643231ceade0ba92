import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { GmisegError } from '../errors.js';
import { writeFileAtomically } from '../write-file.js';

/**
 * What must not change between the runs that fill one folder: noted at the first of them, compared at the others.
 * @param remedy what to do where it has changed, as a sentence
 * @throws GmisegError ERR_INVALID_ARG that names what has changed
 */
export async function pin(file: string, value: unknown, what: string, remedy: string): Promise<void> {
  const text = `${JSON.stringify(value, null, 1)}\n`;
  let found: string;
  try {
    found = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await writeFileAtomically(file, text);
    return;
  }
  if (found === text) return;
  const changed = differences(JSON.parse(found), JSON.parse(text), '');
  // Written in another order.
  if (changed.length === 0) return;
  throw new GmisegError(
    'ERR_INVALID_ARG',
    `${what} is not what ${path.dirname(file)} was begun with: ${changed.slice(0, 5).join(', ')} ` +
      `${changed.length > 5 ? `and ${changed.length - 5} more ` : ''}changed. ${remedy}`,
    { details: { path: file, changed } },
  );
}

/** The paths at which two JSON values differ. */
function differences(a: unknown, b: unknown, at: string): string[] {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  if (!isObject(a) || !isObject(b)) return [at === '' ? 'all of it' : at];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
    differences(a[key], b[key], at === '' ? key : `${at}.${key}`),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
