import { GmisegError } from '../errors.js';
import type { Image2D, Volume, VoxelArray } from './types.js';

/** Lowest and highest intensity shown: they become 0 and 255. */
export type IntensityRange = readonly [low: number, high: number];

/** CT windows in Hounsfield units, after the usual level and width. */
export const CT_WINDOWS = {
  abdomen: [-160, 240],
  'soft-tissue': [-160, 240],
  liver: [-45, 105],
  mediastinum: [-125, 225],
  lung: [-1350, 150],
  bone: [-500, 1300],
  brain: [0, 80],
  stroke: [20, 60],
  subdural: [-25, 175],
  angio: [0, 600],
} as const satisfies Record<string, IntensityRange>;

export type CtWindow = keyof typeof CT_WINDOWS;

/** A CT preset, explicit bounds, or the percentiles of the values of the body (see percentileRange). */
export type IntensityWindow = CtWindow | IntensityRange | 'percentile';

export interface PercentileOptions {
  /** Percentiles of the non-zero values, 0 to 100; 0.5 and 99.5 when left out. */
  readonly low?: number;
  readonly high?: number;
}

export interface ToUint8Options {
  /** The volume a slice was cut from: percentiles are taken over all of it, so that its slices look alike. */
  readonly volume?: Volume;
}

/** An 8-bit picture, as the models take it: row-major, channels interleaved. */
export interface Uint8Image extends Image2D {
  readonly data: Uint8Array;
}

/** Moves the value of rank `k` into place, smaller ones before it and larger ones behind (Hoare's selection). */
function select(values: Float64Array | Float32Array, k: number): number {
  let left = 0;
  let right = values.length - 1;
  while (left < right) {
    // The middle of three guards against sorted data.
    const middle = (left + right) >> 1;
    const [a, b, c] = [values[left]!, values[middle]!, values[right]!];
    const pivot = Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
    let i = left;
    let j = right;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i <= j) {
        const swap = values[i]!;
        values[i++] = values[j]!;
        values[j--] = swap;
      }
    }
    if (k <= j) right = j;
    else if (k >= i) left = i;
    else break;
  }
  return values[k]!;
}

/** A lowest value that fills this share of a scan is what lies around the body, whatever it is called. */
const BACKGROUND_SHARE = 0.2;

/**
 * The finite values of the body: not 0, which in scans is mostly air or padding, nor the lowest value where it fills
 * {@link BACKGROUND_SHARE} of all: stripped volumes that were brought to mean 0 have air at -5, or wherever it fell.
 * Either would drown the percentiles.
 */
function foreground(data: VoxelArray): Float64Array | Float32Array {
  const wide = data.BYTES_PER_ELEMENT > 2 && !(data instanceof Float32Array);
  const out = wide ? new Float64Array(data.length) : new Float32Array(data.length);
  let count = 0;
  let lowest = Number.POSITIVE_INFINITY;
  let ofLowest = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (value === 0 || !Number.isFinite(value)) continue;
    out[count++] = value;
    if (value < lowest) [lowest, ofLowest] = [value, 0];
    if (value === lowest) ofLowest++;
  }
  if (ofLowest < BACKGROUND_SHARE * data.length || ofLowest === count) return out.subarray(0, count);
  const values = out.subarray(0, count);
  count = 0;
  for (const value of values) if (value !== lowest) out[count++] = value;
  return out.subarray(0, count);
}

/** What percentiles are taken of: values by their rank. */
interface Ranked {
  readonly length: number;
  at(rank: number): number;
}

/** Counts of 8 and 16-bit values: as exact as sorting, and fast on large volumes. */
function counted(data: Uint8Array | Int8Array | Uint16Array | Int16Array): Ranked {
  const counts = new Uint32Array(65536);
  for (let i = 0; i < data.length; i++) counts[data[i]! & 0xffff]!++;
  counts[0] = 0;
  const signed = data instanceof Int8Array || data instanceof Int16Array;
  const first = signed ? -32768 : 0;
  let length = 0;
  for (const count of counts) length += count;
  let lowest = first;
  while (lowest < first + 65535 && counts[lowest & 0xffff] === 0) lowest++;
  const ofLowest = counts[lowest & 0xffff]!;
  if (ofLowest >= BACKGROUND_SHARE * data.length && ofLowest < length) {
    counts[lowest & 0xffff] = 0;
    length -= ofLowest;
  }
  const at = (rank: number): number => {
    let left = rank;
    for (let value = first; value < first + 65536; value++) {
      left -= counts[value & 0xffff]!;
      if (left < 0) return value;
    }
    return first + 65535;
  };
  return { length, at };
}

function ranked(data: VoxelArray): Ranked {
  if (
    data instanceof Uint8Array ||
    data instanceof Int8Array ||
    data instanceof Uint16Array ||
    data instanceof Int16Array
  )
    return counted(data);
  const values = foreground(data);
  return { length: values.length, at: (rank) => select(values, rank) };
}

function percentile(values: Ranked, percent: number): number {
  const rank = ((values.length - 1) * percent) / 100;
  const below = Math.floor(rank);
  const low = values.at(below);
  return rank === below ? low : low + (values.at(below + 1) - low) * (rank - below);
}

const cache = new WeakMap<VoxelArray, Map<string, IntensityRange>>();

/**
 * The range between two percentiles of the finite values of the body, interpolated linearly as NumPy does: without
 * zeros, and without the lowest value where it fills a fifth of the scan. [0, 0] where there is no such value. Remembered per data array.
 */
export function percentileRange(
  image: { readonly data: VoxelArray },
  { low = 0.5, high = 99.5 }: PercentileOptions = {},
): IntensityRange {
  if (!(low >= 0 && low <= high && high <= 100))
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `percentiles must be 0 <= low <= high <= 100, not ${low} and ${high}`,
    );
  const key = `${low}/${high}`;
  const known = cache.get(image.data)?.get(key);
  if (known !== undefined) return known;
  const values = ranked(image.data);
  const range: IntensityRange =
    values.length === 0 ? [0, 0] : [percentile(values, low), percentile(values, high)];
  const entry = cache.get(image.data) ?? new Map<string, IntensityRange>();
  entry.set(key, range);
  cache.set(image.data, entry);
  return range;
}

/** The bounds that a window means for an image (or for the volume it was cut from). */
export function windowRange(
  image: { readonly data: VoxelArray },
  window: IntensityWindow = 'percentile',
  { volume }: ToUint8Options = {},
): IntensityRange {
  if (window === 'percentile') return percentileRange(volume ?? image);
  if (typeof window === 'string') {
    const preset: IntensityRange | undefined = Object.hasOwn(CT_WINDOWS, window)
      ? CT_WINDOWS[window]
      : undefined;
    if (preset === undefined)
      throw new GmisegError(
        'ERR_INVALID_ARG',
        `there is no intensity window '${String(window)}'; use [low, high], 'percentile' or one of ${Object.keys(CT_WINDOWS).join(', ')}`,
      );
    return preset;
  }
  const [low, high] = window;
  if (window.length !== 2 || !Number.isFinite(low) || !Number.isFinite(high) || low > high)
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `an intensity window is [low, high] with low <= high, not [${String(window)}]`,
    );
  return window;
}

/**
 * A picture in 8 bits: low becomes 0, high 255, linear between, clamped outside. NaN becomes 0.
 * 8-bit pictures pass unchanged (the same array) unless a window is given. Without one, others are
 * windowed between the 0.5 and 99.5 percentiles of the body's values (see percentileRange), or of those of `options.volume`.
 * A window without width is widened to reach 0, so that a constant on a zero background stays visible.
 * @throws GmisegError ERR_INVALID_ARG for a window that is none
 */
export function toUint8(image: Image2D, window?: IntensityWindow, options: ToUint8Options = {}): Uint8Image {
  const { data } = image;
  if (data instanceof Uint8Array && window === undefined) return { ...image, data };
  let [low, high] = windowRange(image, window, options);
  if (low === high) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  const width = high - low;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    // Infinities end in the first two; NaN fails both and is caught last.
    if (value <= low) out[i] = 0;
    else if (value >= high) out[i] = 255;
    else out[i] = Math.round(((value - low) / width) * 255) || 0;
  }
  return { ...image, data: out };
}
