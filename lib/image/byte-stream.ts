import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { fileError, gzipError } from './file-bytes.js';

const CHUNK = 1 << 20;

/**
 * A file's bytes in order, unzipped on the way where it is gzip. Unpacking runs on node's worker threads and
 * comes in small pieces, so the event loop stays free however large the file is.
 */
export class ByteStream {
  private readonly chunks: AsyncIterator<Buffer>;
  private readonly streams: readonly Readable[];
  private rest: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly path: string,
    gzipped: boolean,
    private readonly signal: AbortSignal | undefined,
  ) {
    const file = createReadStream(path, { highWaterMark: CHUNK });
    if (gzipped) {
      const gunzip = createGunzip({ chunkSize: CHUNK });
      file.on('error', (error) => gunzip.destroy(error));
      this.streams = [file, file.pipe(gunzip)];
    } else this.streams = [file];
    this.chunks = (this.streams.at(-1) as Readable)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Fills the target from the stream; returns how many bytes came before the end. */
  async fill(target: Uint8Array): Promise<number> {
    let at = 0;
    while (at < target.length) {
      if (this.rest.length === 0) {
        const next = await this.next();
        if (next === undefined) break;
        this.rest = next;
      }
      const part = this.rest.subarray(0, target.length - at);
      target.set(part, at);
      at += part.length;
      this.rest = this.rest.subarray(part.length);
    }
    return at;
  }

  /** Passes over bytes; returns how many there were before the end. */
  async skip(count: number): Promise<number> {
    let left = count;
    while (left > 0) {
      if (this.rest.length === 0) {
        const next = await this.next();
        if (next === undefined) break;
        this.rest = next;
      }
      const part = Math.min(left, this.rest.length);
      this.rest = this.rest.subarray(part);
      left -= part;
    }
    return count - left;
  }

  /** Reads on to the end, so that gzip's checksum is compared. */
  async drain(): Promise<void> {
    this.rest = new Uint8Array(0);
    while ((await this.next()) !== undefined);
  }

  close(): void {
    for (const stream of this.streams) stream.destroy();
  }

  private async next(): Promise<Buffer | undefined> {
    this.signal?.throwIfAborted();
    try {
      const { value, done } = await this.chunks.next();
      return done === true ? undefined : value;
    } catch (error) {
      const zlib = (error as { code?: string }).code?.startsWith('Z_') === true;
      throw zlib ? gzipError(this.path, error) : fileError(this.path, error);
    }
  }
}
