import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { GmisegError } from '../errors.js';

function writeError(path: string, cause: unknown): GmisegError {
  const { code, message } = cause as { code?: string; message?: string };
  const remedy =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? `its directory ${dirname(path)} does not exist; create it first`
      : code === 'EISDIR' || code === 'ENOTEMPTY' || code === 'EEXIST'
        ? 'a directory of that name is in the way'
        : code === 'ENOSPC'
          ? 'the disk is full'
          : code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
            ? 'the directory may not be written; check its permissions'
            : (message ?? String(cause));
  return new GmisegError('ERR_IO', `${path} could not be written: ${remedy}`, { cause, details: { path } });
}

async function writeAll(
  handle: FileHandle,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    for (let at = 0; at < chunk.length; ) {
      const { bytesWritten } = await handle.write(chunk, at);
      at += bytesWritten;
    }
  }
  await handle.sync();
}

/**
 * Writes a file so that it is there whole or not at all: under a temporary name beside it, synced, renamed.
 * @throws GmisegError ERR_IO; an abort rejects with the signal's reason. Both leave nothing behind.
 */
export async function writeAtomically(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  let handle: FileHandle;
  try {
    handle = await open(temporary, 'wx');
  } catch (error) {
    throw writeError(path, error);
  }
  try {
    try {
      await writeAll(handle, chunks, signal);
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    if (signal?.aborted === true || error instanceof GmisegError) throw error;
    throw writeError(path, error);
  }
}

/**
 * The same for libraries that write to a path themselves: they get a temporary name with the ending of `path`,
 * which many of them go by.
 * @throws GmisegError ERR_IO with `remedy`, and what `write` throws as a GmisegError; an abort rejects with the
 *   signal's reason. All leave nothing behind.
 */
export async function writeThrough(
  path: string,
  write: (temporary: string) => Promise<void>,
  remedy: (cause: unknown) => string,
  signal?: AbortSignal,
): Promise<void> {
  const full = resolve(path);
  const ending = extname(full);
  const name = `.${basename(full, ending)}.${randomBytes(6).toString('hex')}.tmp${ending.toLowerCase()}`;
  const temporary = join(dirname(full), name);
  try {
    await write(temporary);
    await rename(temporary, full);
  } catch (cause) {
    await unlink(temporary).catch(() => {});
    if (signal?.aborted === true || cause instanceof GmisegError) throw cause;
    throw new GmisegError('ERR_IO', `${path} could not be written${remedy(cause)}`, {
      cause,
      details: { path },
    });
  }
}
