import { readFile } from 'node:fs/promises';
import { parseTensorTable, tensorsHead, type U8Tensor } from '../dataset/u8-tensors.js';
import { GmisegError } from '../errors.js';
import { writeAtomically } from '../image/atomic-write.js';

/** Named bytes of a task's file. */
export type TaskBlob = U8Tensor;

const META = 'gmiseg.task.bundle';

/**
 * Writes a task's file: safetensors with U8 tensors, one for each native task and each picture and mask of an
 * example that is kept, and a JSON text in its metadata. It appears whole or not at all; equal input gives equal
 * bytes.
 */
export async function writeContainer(
  path: string,
  meta: unknown,
  blobs: readonly TaskBlob[],
  signal?: AbortSignal,
): Promise<void> {
  const head = tensorsHead(blobs, { [META]: JSON.stringify(meta) });
  await writeAtomically(path, [head, ...blobs.map(({ data }) => data)], signal);
}

/** @throws GmisegError ERR_IO, ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_FORMAT */
export async function readContainer(
  path: string,
): Promise<{ readonly meta: unknown; readonly blobs: ReadonlyMap<string, TaskBlob> }> {
  let file: Buffer;
  try {
    file = await readFile(path);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new GmisegError(
      missing ? 'ERR_CHECKPOINT_NOT_FOUND' : 'ERR_IO',
      missing
        ? `The task file ${path} does not exist; gmiseg task define and task.save(path) make one.`
        : `The task file ${path} cannot be read: ${(cause as Error).message}.`,
      { cause, details: { path } },
    );
  }
  try {
    return parse(file);
  } catch (cause) {
    throw new GmisegError(
      'ERR_CHECKPOINT_FORMAT',
      `${path} is no task file, or a damaged one: ${(cause as Error).message}. Define the task again from its examples.`,
      { cause, details: { path } },
    );
  }
}

function parse(file: Buffer): { meta: unknown; blobs: Map<string, TaskBlob> } {
  if (file.length < 8) throw new Error('it is too short');
  const length = Number(file.readBigUInt64LE(0));
  if (!(length > 0 && length <= file.length - 8)) throw new Error('it has no safetensors header');
  const start = 8 + length;
  const { metadata, entries } = parseTensorTable(file.subarray(8, start), start, file.length);
  const text = metadata[META];
  if (typeof text !== 'string') throw new Error('it holds no task');
  const blobs = new Map<string, TaskBlob>();
  for (const [name, { shape, begin, end }] of entries)
    blobs.set(name, { name, shape, data: new Uint8Array(file.subarray(begin, end)) });
  return { meta: JSON.parse(text), blobs };
}
