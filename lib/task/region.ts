import type { Picture } from './picture.js';

/** A rectangle of whole pixels within a picture. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Half-open box of pixels: x0 <= x < x1. */
export type PixelBox = readonly [x0: number, y0: number, x1: number, y1: number];

export const wholeOf = ({ width, height }: { width: number; height: number }): Region => ({
  x: 0,
  y: 0,
  width,
  height,
});

/** How much larger a tile is than its share of the picture, so that neighbours overlap and seams blend. */
const TILE_OVERLAP = 1 / 8;

/**
 * across x across tiles of one size that cover the picture and overlap their neighbours by about an eighth.
 * One tile is the whole picture.
 */
export function tilesOf(picture: { width: number; height: number }, across: number): Region[] {
  if (across === 1) return [wholeOf(picture)];
  const rows = spans(picture.height, across);
  const columns = spans(picture.width, across);
  return rows.flatMap(([y, height]) => columns.map(([x, width]) => ({ x, y, width, height })));
}

function spans(size: number, across: number): [start: number, length: number][] {
  const length = Math.min(size, Math.ceil((size / across) * (1 + TILE_OVERLAP)));
  const starts = Array.from({ length: across }, (_, at) => Math.round(((size - length) * at) / (across - 1)));
  return [...new Set(starts)].map((start) => [start, length]);
}

/** A crop shows this many times the longer side of the target's box: it has to be found there, not just fit. */
const CROP_FACTOR = 2;
/** No crop is smaller: fewer pixels hold no context. */
const LEAST_CROP = 32;

/** The square round a box, twice as long as its longer side, shifted into the picture and never larger than it. */
export function cropRound([x0, y0, x1, y1]: PixelBox, picture: { width: number; height: number }): Region {
  const side = Math.max(LEAST_CROP, Math.ceil(CROP_FACTOR * Math.max(x1 - x0, y1 - y0)));
  const place = (low: number, high: number, size: number): [number, number] => {
    const length = Math.min(side, size);
    const start = Math.round((low + high - length) / 2);
    return [Math.min(size - length, Math.max(0, start)), length];
  };
  const [x, width] = place(x0, x1, picture.width);
  const [y, height] = place(y0, y1, picture.height);
  return { x, y, width, height };
}

export function isWhole(region: Region, picture: { width: number; height: number }): boolean {
  return region.width === picture.width && region.height === picture.height;
}

/** A region's pixels, optionally mirrored left to right. */
export function cut<T extends Uint8Array | Float32Array>(
  data: T,
  width: number,
  channels: number,
  region: Region,
  mirrored = false,
): T {
  const out = new (data.constructor as new (length: number) => T)(region.width * region.height * channels);
  let at = 0;
  for (let y = region.y; y < region.y + region.height; y++) {
    for (let column = 0; column < region.width; column++) {
      const x = region.x + (mirrored ? region.width - 1 - column : column);
      const from = (y * width + x) * channels;
      for (let c = 0; c < channels; c++) out[at++] = data[from + c] as number;
    }
  }
  return out;
}

export function cutPicture(picture: Picture, region: Region, mirrored = false): Picture {
  const { width, height, channels } = picture;
  if (!mirrored && isWhole(region, picture)) return { data: picture.data, width, height, channels };
  return {
    data: cut(picture.data, width, channels, region, mirrored),
    width: region.width,
    height: region.height,
    channels,
  };
}

/** Adds up what overlapping regions say, each fading out towards the borders that it shares with others. */
export class Blend {
  readonly #sum: Float32Array;
  readonly #weight: Float32Array;

  constructor(
    private readonly width: number,
    private readonly height: number,
  ) {
    this.#sum = new Float32Array(width * height);
    this.#weight = new Float32Array(width * height);
  }

  add(values: Float32Array, region: Region): void {
    const across = fade(region.x, region.width, this.width);
    const down = fade(region.y, region.height, this.height);
    for (let y = 0; y < region.height; y++) {
      for (let x = 0; x < region.width; x++) {
        const weight = (across[x] as number) * (down[y] as number);
        const at = (region.y + y) * this.width + region.x + x;
        (this.#sum[at] as number) += weight * (values[y * region.width + x] as number);
        (this.#weight[at] as number) += weight;
      }
    }
  }

  /** The weighted mean; 0 where no region was. */
  mean(): Float32Array {
    return this.#sum.map((sum, at) =>
      (this.#weight[at] as number) > 0 ? sum / (this.#weight[at] as number) : 0,
    );
  }
}

/** Weights along one side: 1 inside, falling to nearly 0 at a border that is not the picture's. */
function fade(start: number, length: number, size: number): Float32Array {
  const ramp = Math.max(1, length * TILE_OVERLAP);
  return Float32Array.from({ length }, (_, at) => {
    const left = start === 0 ? 1 : (at + 0.5) / ramp;
    const right = start + length === size ? 1 : (length - at - 0.5) / ramp;
    return Math.min(1, left, right);
  });
}

/** The box of all pixels where `inside` holds; null where it holds nowhere. */
export function boxOf(width: number, height: number, inside: (at: number) => boolean): PixelBox | null {
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (!inside(at)) continue;
      if (x < x0) x0 = x;
      if (x >= x1) x1 = x + 1;
      if (y < y0) y0 = y;
      y1 = y + 1;
    }
  }
  return x1 === 0 ? null : [x0, y0, x1, y1];
}

/** Parts smaller than this share of the largest one are specks. */
const SPECK = 0.1;

/**
 * The box round what a probability map shows (>= .5), specks left out: a crop that stretched to a stray pixel in
 * the corner would gain nothing. Null where it shows nothing.
 */
export function targetBox(probability: Float32Array, width: number, height: number): PixelBox | null {
  const part = new Int32Array(probability.length);
  const sizes: number[] = [0];
  const stack: number[] = [];
  for (let start = 0; start < probability.length; start++) {
    if ((probability[start] as number) < 0.5 || part[start] !== 0) continue;
    const id = sizes.length;
    sizes.push(0);
    stack.push(start);
    part[start] = id;
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      (sizes[id] as number) += 1;
      const x = at % width;
      for (const [next, there] of [
        [at - 1, x > 0],
        [at + 1, x < width - 1],
        [at - width, at >= width],
        [at + width, at + width < probability.length],
      ] as const) {
        if (there && part[next] === 0 && (probability[next] as number) >= 0.5) {
          part[next] = id;
          stack.push(next);
        }
      }
    }
  }
  const least = SPECK * sizes.reduce((most, size) => Math.max(most, size), 0);
  return boxOf(width, height, (at) => part[at] !== 0 && (sizes[part[at] as number] as number) >= least);
}
