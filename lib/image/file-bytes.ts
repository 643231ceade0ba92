import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, gunzip, type InputType, type ZlibOptions } from 'node:zlib';
import { GmisegError } from '../errors.js';

const gunzipAsync = promisify<InputType, ZlibOptions, Buffer>(gunzip);

/** Pictures unpack to at most this many bytes; more is a damaged file or a bomb. */
const MAX_UNPACKED = 2 ** 31 - 1;
const HEAD_BYTES = 64 * 1024;

interface Cause {
  code?: string;
  message?: string;
}

/** The typed error for a failed file operation. */
export function fileError(path: string, cause: unknown): GmisegError {
  if (cause instanceof GmisegError) return cause;
  const { code, message } = cause as Cause;
  const details = { path };
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new GmisegError('ERR_IMAGE_NOT_FOUND', `${path} does not exist; check the path`, {
      cause,
      details,
    });
  if (code === 'EACCES' || code === 'EPERM')
    return new GmisegError('ERR_IO', `${path} may not be read; check its permissions`, { cause, details });
  return new GmisegError('ERR_IO', `${path} could not be read: ${message ?? String(cause)}`, {
    cause,
    details,
  });
}

/** The typed error for a gzip stream that does not unpack. */
export function gzipError(path: string, cause: unknown): GmisegError {
  if (cause instanceof GmisegError) return cause;
  const short = (cause as Cause).code === 'Z_BUF_ERROR';
  return new GmisegError(
    'ERR_IMAGE_FORMAT',
    `${path} ${short ? 'ends in the middle of its gzip data' : 'holds damaged gzip data'}; copy or download it again`,
    { cause, details: { path } },
  );
}

/** Some archives unpack `x.nii` as a directory around the real file: say where that file is. */
async function directoryError(path: string): Promise<GmisegError> {
  const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
  const inside =
    names.length === 1 ? `; it holds ${join(path, names[0]!)}, pass that` : '; pass one image file';
  return new GmisegError('ERR_IMAGE_FORMAT', `${path} is a directory, not an image${inside}`, {
    details: { path },
  });
}

/** Whether bytes begin as a gzip member does. */
export function isGzip(head: Uint8Array): boolean {
  return head.length >= 2 && head[0] === 0x1f && head[1] === 0x8b;
}

/** Opens a regular file for reading and tells its size. The caller closes the handle. */
export async function openImageFile(path: string): Promise<{ handle: FileHandle; size: number }> {
  if (typeof path !== 'string' || path === '')
    throw new GmisegError('ERR_INVALID_ARG', 'the path of an image must be a non-empty string');
  try {
    const info = await stat(path);
    if (info.isDirectory()) throw await directoryError(path);
    return { handle: await open(path, 'r'), size: info.size };
  } catch (error) {
    throw fileError(path, error);
  }
}

/**
 * The first bytes of a file, unzipped where it is gzip.
 * A gzip stream that is cut short gives what it holds; whole reads report the damage.
 */
export async function readHead(path: string): Promise<{ head: Buffer; gzipped: boolean; size: number }> {
  const { handle, size } = await openImageFile(path);
  try {
    const buffer = Buffer.alloc(Math.min(HEAD_BYTES, size));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    const raw = buffer.subarray(0, bytesRead);
    if (!isGzip(raw)) return { head: raw, gzipped: false, size };
    const head = await gunzipAsync(raw, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: 2 ** 28,
    });
    return { head, gzipped: true, size };
  } catch (error) {
    const { code } = error as Cause;
    throw code?.startsWith('Z_') ? gzipError(path, error) : fileError(path, error);
  } finally {
    await handle.close();
  }
}

/** A whole file's bytes, unzipped where it is gzip (several members in a row too). For pictures. */
export async function readAllBytes(path: string): Promise<Buffer> {
  const { handle, size } = await openImageFile(path);
  let raw: Buffer;
  try {
    if (size > MAX_UNPACKED)
      throw new GmisegError(
        'ERR_IMAGE_FORMAT',
        `${path} is larger than 2 GiB; tile or crop the picture first`,
        {
          details: { path, size },
        },
      );
    raw = await handle.readFile();
  } catch (error) {
    throw fileError(path, error);
  } finally {
    await handle.close();
  }
  if (!isGzip(raw)) return raw;
  try {
    return await gunzipAsync(raw, { maxOutputLength: MAX_UNPACKED });
  } catch (error) {
    throw gzipError(path, error);
  }
}
