import { GmisegError } from '../errors.js';
import type { Image2D, LabelMap2D, PixelArray } from './types.js';

export type SampleArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** What a format's decoder hands over: samples exactly as stored, before anybody interprets them. */
export interface Raster {
  /** [height, width, channels], one stored sample per element. */
  readonly data: SampleArray;
  readonly width: number;
  readonly height: number;
  /** All channels, an alpha channel included. */
  readonly channels: number;
  /** The last channel is opacity. */
  readonly alpha?: boolean;
  /** Colours [r, g, b] in 0-255 that the (single-channel) samples point into. */
  readonly palette?: readonly (readonly number[])[];
  /** The stored value that means white, where it is not the full range of a byte (bilevel, PNM's maxval). */
  readonly white?: number;
}

/** More pixels than this are taken for a damaged header or a decompression bomb. */
const MAX_PIXELS = 2 ** 28;

/** Checks a picture's claimed size before anything is allocated for it. */
export function checkSize(path: string, width: number, height: number): void {
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  if (!whole)
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} claims a size of ${width} x ${height}; the file is damaged`,
      {
        details: { path, width, height },
      },
    );
  if (width * height > MAX_PIXELS)
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} has ${width} x ${height} pixels, more than ${MAX_PIXELS}; tile or crop it first`,
      { details: { path, width, height } },
    );
}

/** The typed error for a picture whose decoder gave up. */
export function damagedError(path: string, format: string, cause: unknown): GmisegError {
  if (cause instanceof GmisegError) return cause;
  const why = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
  return new GmisegError(
    'ERR_IMAGE_FORMAT',
    `${path} is a ${format} file that cannot be decoded (${why}); save it again or copy it anew`,
    { cause, details: { path } },
  );
}

function isGrey(palette: readonly (readonly number[])[]): boolean {
  return palette.every(([r, g, b]) => r === g && g === b);
}

function expandPalette(raster: Raster, palette: readonly (readonly number[])[], path: string): Image2D {
  const { data, width, height } = raster;
  const channels = isGrey(palette) ? 1 : 3;
  const out = new Uint8Array(width * height * channels);
  for (let p = 0; p < width * height; p++) {
    const colour = palette[data[p]!];
    if (colour === undefined)
      throw new GmisegError('ERR_IMAGE_FORMAT', `${path} points past the end of its palette; save it again`, {
        details: { path },
      });
    for (let c = 0; c < channels; c++) out[p * channels + c] = colour[c]!;
  }
  return { data: out, width, height, channels };
}

function dropChannels(raster: Raster, keep: number): SampleArray {
  const { data, width, height, channels } = raster;
  if (keep === channels) return data;
  const out = new (data.constructor as new (length: number) => SampleArray)(width * height * keep);
  for (let p = 0; p < width * height; p++)
    for (let c = 0; c < keep; c++) out[p * keep + c] = data[p * channels + c]!;
  return out;
}

function toPixels(data: SampleArray): PixelArray {
  if (data instanceof Int8Array) return Int16Array.from(data);
  if (data instanceof Uint32Array || data instanceof Int32Array || data instanceof Float64Array)
    return Float32Array.from(data);
  return data;
}

/**
 * A decoded file as a picture. Palettes become colours (grey palettes one channel); alpha is dropped, as the
 * usual RGB conversions do; samples of fewer than 8 bits are spread over 0-255. 16-bit, signed and float
 * samples keep their values: toUint8 windows them.
 */
export function rasterToImage(raster: Raster, path: string): Image2D {
  const { width, height } = raster;
  if (raster.palette !== undefined) return expandPalette(raster, raster.palette, path);
  const colours = raster.channels - (raster.alpha === true ? 1 : 0);
  const channels = colours >= 3 ? 3 : 1;
  if (colours !== 1 && colours !== 3)
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} has ${colours} colour channels; save the wanted one (grey) or three (RGB)`,
      { details: { path, channels: colours } },
    );
  const data = toPixels(dropChannels(raster, channels));
  const { white } = raster;
  if (white !== undefined && white < 255 && data instanceof Uint8Array) {
    for (let i = 0; i < data.length; i++) data[i] = Math.min(255, Math.round((data[i]! * 255) / white));
  }
  return { data, width, height, channels };
}

function labelError(path: string, why: string): GmisegError {
  return new GmisegError('ERR_IMAGE_FORMAT', `${path} ${why}`, { details: { path } });
}

/**
 * A decoded file as a label map, every value exactly as stored: grey values, palette indices, or the common
 * value of equal R, G and B. Nothing is rescaled.
 */
export function rasterToLabels(raster: Raster, path: string): LabelMap2D {
  const { data, width, height, channels } = raster;
  const colours = channels - (raster.alpha === true ? 1 : 0);
  const count = width * height;
  let max = 0;
  for (let p = 0; p < count; p++) {
    const value = data[p * channels]!;
    for (let c = 1; c < colours; c++) {
      if (data[p * channels + c] !== value)
        throw labelError(
          path,
          `is a colour picture, not a label image (pixel ${p % width},${Math.floor(p / width)}); ` +
            'save the labels as grey values or with a palette',
        );
    }
    if (!Number.isInteger(value) || value < 0 || value > 65535)
      throw labelError(
        path,
        `holds the value ${value} at pixel ${p % width},${Math.floor(p / width)}; labels are whole numbers from 0 to 65535`,
      );
    if (value > max) max = value;
  }
  // Two-byte files stay two-byte, so that a label map's type follows from its file and not from its content.
  const wide = max > 255 || (data.BYTES_PER_ELEMENT === 2 && raster.palette === undefined);
  const out = wide ? new Uint16Array(count) : new Uint8Array(count);
  for (let p = 0; p < count; p++) out[p] = data[p * channels]!;
  return { data: out, width, height };
}
