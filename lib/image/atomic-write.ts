import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
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
