import { readFile } from 'node:fs/promises';
import { GmisegError } from '../errors.js';
import { writeAtomically } from '../image/atomic-write.js';

/** Named bytes of a task's file. */
export interface TaskBlob {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

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
  const table: Record<string, unknown> = { __metadata__: { [META]: JSON.stringify(meta) } };
  let offset = 0;
  for (const { name, shape, data } of blobs) {
    table[name] = { dtype: 'U8', shape, data_offsets: [offset, offset + data.length] };
    offset += data.length;
  }
  let json = JSON.stringify(table);
  json += ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const head = Buffer.alloc(8 + Buffer.byteLength(json));
  head.writeBigUInt64LE(BigInt(head.length - 8), 0);
  head.write(json, 8, 'utf8');
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
  const table = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<string, unknown> | null;
  const metadata = (table as { __metadata__?: Record<string, unknown> } | null)?.__metadata__;
  const text = metadata?.[META];
  if (typeof text !== 'string') throw new Error('it holds no task');
  const body = file.subarray(8 + length);
  const blobs = new Map<string, TaskBlob>();
  for (const [name, entry] of Object.entries(table as object)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
    const [begin, end] = Array.isArray(offsets) ? (offsets as unknown[]).map(Number) : [];
    const whole = Array.isArray(shape) && shape.every((side) => Number.isInteger(side) && side >= 0);
    const count = whole ? (shape as number[]).reduce((product, side) => product * side, 1) : -1;
    if (dtype !== 'U8' || begin === undefined || end === undefined) throw new Error(`${name} is no bytes`);
    if (!(begin >= 0 && end - begin === count && end <= body.length)) {
      throw new Error(`${name} does not lie inside the file`);
    }
    blobs.set(name, { name, shape: shape as number[], data: new Uint8Array(body.subarray(begin, end)) });
  }
  return { meta: JSON.parse(text), blobs };
}
