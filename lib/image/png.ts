import { decode } from 'fast-png';
import { checkSize, damagedError, type Raster } from './raster.js';

/** Samples packed several to a byte (rows start on a byte), highest bits first, one per element. */
export function unpackBits(packed: Uint8Array, width: number, height: number, depth: number): Uint8Array {
  const stride = Math.ceil((width * depth) / 8);
  const out = new Uint8Array(width * height);
  const mask = 2 ** depth - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = packed[y * stride + (bit >> 3)]!;
      out[y * width + x] = (byte >> (8 - depth - (bit & 7))) & mask;
    }
  }
  return out;
}

/** Decodes a PNG of any bit depth and colour type. Gamma and colour profiles are ignored: values count. */
export function decodePng(bytes: Buffer, path: string): Raster {
  try {
    // The size stands in the first chunk; look before the decoder allocates.
    if (bytes.length >= 24) checkSize(path, bytes.readUInt32BE(16), bytes.readUInt32BE(20));
    const png = decode(bytes, { checkCrc: true });
    const { width, height, channels, depth } = png;
    const packed = depth < 8;
    const data = packed ? unpackBits(png.data as Uint8Array, width, height, depth) : png.data;
    return {
      data: data instanceof Uint8ClampedArray ? new Uint8Array(data) : data,
      width,
      height,
      channels,
      alpha: channels === 2 || channels === 4,
      ...(png.palette === undefined ? {} : { palette: png.palette }),
      ...(packed ? { white: 2 ** depth - 1 } : {}),
    };
  } catch (error) {
    throw damagedError(path, 'PNG', error);
  }
}
