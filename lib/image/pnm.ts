import { GmisegError } from '../errors.js';
import { unpackBits } from './png.js';
import { checkSize, type Raster } from './raster.js';

const HASH = 0x23;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Walks a PNM file's tokens; comments run from `#` to the end of the line. */
class PnmCursor {
  position = 2;

  constructor(
    private readonly bytes: Buffer,
    private readonly path: string,
  ) {}

  fail(why: string): GmisegError {
    return new GmisegError('ERR_IMAGE_FORMAT', `${this.path} is a PNM file that ${why}; save it again`, {
      details: { path: this.path },
    });
  }

  skipSpace(): void {
    const { bytes } = this;
    for (;;) {
      const byte = bytes[this.position];
      if (isSpace(byte)) this.position++;
      else if (byte === HASH) {
        while (
          this.position < bytes.length &&
          bytes[this.position] !== NEWLINE &&
          bytes[this.position] !== RETURN
        )
          this.position++;
      } else return;
    }
  }

  /** The next whole number. */
  number(): number {
    this.skipSpace();
    let value = 0;
    let digits = 0;
    while (isDigit(this.bytes[this.position])) {
      value = value * 10 + this.bytes[this.position]! - 0x30;
      this.position++;
      digits++;
    }
    if (digits === 0)
      throw this.fail(
        this.position >= this.bytes.length ? 'ends too early' : 'has something else than a number',
      );
    return value;
  }

  /** The next bit of a P1 file: digits may stand without space between them. */
  bit(): number {
    this.skipSpace();
    const byte = this.bytes[this.position++];
    if (byte !== 0x30 && byte !== 0x31) throw this.fail('ends too early or has something else than 0 and 1');
    return byte - 0x30;
  }
}

function plainSamples(cursor: PnmCursor, count: number, maxval: number): Uint8Array | Uint16Array {
  const out = maxval > 255 ? new Uint16Array(count) : new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const value = cursor.number();
    if (value > maxval) throw cursor.fail(`holds the value ${value} above its maximum ${maxval}`);
    out[i] = value;
  }
  return out;
}

function rawSamples(
  bytes: Buffer,
  cursor: PnmCursor,
  count: number,
  maxval: number,
): Uint8Array | Uint16Array {
  // Exactly one whitespace byte stands between the header and the samples.
  if (!isSpace(bytes[cursor.position])) throw cursor.fail('lacks the space after its header');
  const start = cursor.position + 1;
  const width = maxval > 255 ? 2 : 1;
  if (bytes.length - start < count * width) throw cursor.fail('ends too early');
  if (width === 1) return new Uint8Array(bytes.subarray(start, start + count));
  const out = new Uint16Array(count);
  for (let i = 0; i < count; i++) out[i] = bytes.readUInt16BE(start + 2 * i);
  return out;
}

function bitmap(bytes: Buffer, cursor: PnmCursor, width: number, height: number, plain: boolean): Uint8Array {
  if (plain) {
    const out = new Uint8Array(width * height);
    for (let i = 0; i < out.length; i++) out[i] = cursor.bit();
    return out;
  }
  if (!isSpace(bytes[cursor.position])) throw cursor.fail('lacks the space after its header');
  const start = cursor.position + 1;
  const length = Math.ceil(width / 8) * height;
  if (bytes.length - start < length) throw cursor.fail('ends too early');
  return unpackBits(bytes.subarray(start, start + length), width, height, 1);
}

/**
 * Decodes PBM, PGM and PPM, plain (P1-P3) and raw (P4-P6); samples of more than 8 bits are big-endian.
 * A bitmap's samples are its ink, 1 = black: labels keep that, pictures are turned by the palette.
 */
export function decodePnm(bytes: Buffer, path: string): Raster {
  const kind = bytes[1]! - 0x30;
  const plain = kind <= 3;
  const cursor = new PnmCursor(bytes, path);
  const width = cursor.number();
  const height = cursor.number();
  checkSize(path, width, height);
  if (kind === 1 || kind === 4) {
    const data = bitmap(bytes, cursor, width, height, plain);
    return {
      data,
      width,
      height,
      channels: 1,
      palette: [
        [255, 255, 255],
        [0, 0, 0],
      ],
    };
  }
  const maxval = cursor.number();
  if (maxval < 1 || maxval > 65535) throw cursor.fail(`states the maximum ${maxval}, outside 1 to 65535`);
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const count = width * height * channels;
  const data = plain ? plainSamples(cursor, count, maxval) : rawSamples(bytes, cursor, count, maxval);
  return { data, width, height, channels, white: maxval };
}
