import { decode } from 'bmp-ts';
import { unpackBits } from './png.js';
import { checkSize, damagedError, type Raster } from './raster.js';

interface BmpColour {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
}

/** Palette indices of an uncompressed BMP, top row first. The library gives colours only. */
function readIndices(
  bytes: Buffer,
  offset: number,
  width: number,
  height: number,
  depth: number,
  bottomUp: boolean,
) {
  const stride = Math.ceil((width * depth) / 32) * 4;
  const packed = Math.ceil((width * depth) / 8);
  if (offset + stride * height > bytes.length) throw new Error('the file ends too early');
  const rows = Buffer.alloc(packed * height);
  for (let y = 0; y < height; y++) {
    const from = offset + stride * (bottomUp ? height - 1 - y : y);
    bytes.copy(rows, y * packed, from, from + packed);
  }
  return depth === 8 ? new Uint8Array(rows) : unpackBits(rows, width, height, depth);
}

/** Decodes a BMP: 1, 4 and 8 bits with their palette, run-length coded ones and 16 to 32 bits as RGB. */
export function decodeBmp(bytes: Buffer, path: string): Raster {
  try {
    if (bytes.length < 26) throw new Error('the file ends too early');
    const core = bytes.readUInt32LE(14) === 12;
    const width = core ? bytes.readUInt16LE(18) : bytes.readInt32LE(18);
    const rows = core ? bytes.readUInt16LE(20) : bytes.readInt32LE(22);
    const height = Math.abs(rows);
    checkSize(path, width, height);
    const depth = bytes.readUInt16LE(core ? 24 : 28);
    const compression = core ? 0 : bytes.readUInt32LE(30);
    if (
      depth > 8 &&
      compression === 0 &&
      bytes.readUInt32LE(10) + Math.ceil((width * depth) / 32) * 4 * height > bytes.length
    )
      throw new Error('the file ends too early');
    const bmp = decode(bytes, { toRGBA: true });
    const palette = bmp.palette as readonly BmpColour[] | undefined;
    if (depth <= 8 && compression === 0 && palette !== undefined) {
      const data = readIndices(bytes, bytes.readUInt32LE(10), width, height, depth, rows > 0);
      return { data, width, height, channels: 1, palette: palette.map((c) => [c.red, c.green, c.blue]) };
    }
    // The fourth byte is padding in most files, so it is never read as opacity that matters.
    return { data: new Uint8Array(bmp.data), width, height, channels: 4, alpha: true };
  } catch (error) {
    throw damagedError(path, 'BMP', error);
  }
}
