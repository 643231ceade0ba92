import { type FileHandle, open } from 'node:fs/promises';
import {
  parseTensorTable,
  readRange,
  tensorsHead,
  type U8Entry,
  type U8Tensor,
} from '../dataset/u8-tensors.js';
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

/** Far beyond what a task has to say, and read at once. */
const MOST_HEAD = 100e6;

/** A task's file, open: its head has been read, its blobs are read when they are asked for. */
export class TaskContainer implements AsyncDisposable {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    readonly meta: unknown,
    private readonly places: ReadonlyMap<string, U8Entry>,
  ) {}

  /** @throws GmisegError ERR_IO, ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_FORMAT */
  static async open(path: string): Promise<TaskContainer> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path);
      const { meta, places } = await readTable(handle);
      return new TaskContainer(path, handle, meta, places);
    } catch (cause) {
      await handle?.close();
      throw readError(path, cause);
    }
  }

  get names(): string[] {
    return [...this.places.keys()];
  }

  /** Undefined: there is none of the name. @throws GmisegError ERR_IO, ERR_CHECKPOINT_FORMAT */
  async read(name: string): Promise<TaskBlob | undefined> {
    const place = this.places.get(name);
    if (place === undefined) return undefined;
    try {
      const { shape, begin, end } = place;
      return { name, shape, data: await readWhole(this.handle, begin, end) };
    } catch (cause) {
      throw readError(this.path, cause);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.handle.close();
  }
}

/** Errors of the file system have a code; the others say what is wrong with what was read. */
function readError(path: string, cause: unknown): GmisegError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const details = { cause, details: { path } };
  if (code === undefined) {
    return new GmisegError(
      'ERR_CHECKPOINT_FORMAT',
      `${path} is no task file, or a damaged one: ${message}. Define the task again from its examples.`,
      details,
    );
  }
  return code === 'ENOENT'
    ? new GmisegError(
        'ERR_CHECKPOINT_NOT_FOUND',
        `The task file ${path} does not exist; gmiseg task define and task.save(path) make one.`,
        details,
      )
    : new GmisegError('ERR_IO', `The task file ${path} cannot be read: ${message}.`, details);
}

async function readWhole(handle: FileHandle, begin: number, end: number): Promise<Uint8Array> {
  const data = await readRange(handle, { begin, end });
  if (data === null) throw new Error('it ends too early');
  return data;
}

async function readTable(
  handle: FileHandle,
): Promise<{ meta: unknown; places: ReadonlyMap<string, U8Entry> }> {
  const { size } = await handle.stat();
  if (size < 8) throw new Error('it is too short');
  const length = Number(Buffer.from(await readWhole(handle, 0, 8)).readBigUInt64LE(0));
  const start = 8 + length;
  if (!(length > 0 && length <= MOST_HEAD && start <= size)) throw new Error('it has no safetensors header');
  const { metadata, entries } = parseTensorTable(await readWhole(handle, 8, start), start, size);
  const text = metadata[META];
  if (typeof text !== 'string') throw new Error('it holds no task');
  return { meta: JSON.parse(text), places: entries };
}
