import { createHash } from 'node:crypto';
import { resizeNearest, sourcePositions, toSquarePixels } from '../dataset/square-pixels.js';
import type { Uint8Image } from '../image/index.js';

/** A picture as tasks see it: 8 bits, square pixels, row-major, channels interleaved. */
export interface Picture {
  /** [height, width, channels] */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** Of a part of a picture that stands for itself: the longer side of the whole. */
  readonly wholeSide?: number;
}

/** A picture and the size of what it was made from. */
export interface FramedPicture extends Picture {
  readonly sourceWidth: number;
  readonly sourceHeight: number;
}

/** The picture with square pixels: a model scales both sides by one factor, which would squash a 10 x 1.5 mm pixel. */
export function squarePicture(image: Uint8Image): FramedPicture {
  const { width, height, channels } = image;
  const square = toSquarePixels({
    height,
    width,
    channels,
    spacing: image.spacing ?? null,
    image: image.data,
    mask: new Uint8Array(width * height),
  });
  return {
    data: square.image,
    width: square.width,
    height: square.height,
    channels,
    sourceWidth: width,
    sourceHeight: height,
  };
}

/** A mask of the source's size on the picture's pixels, nearest neighbour. */
export function squareMask(mask: Uint8Array, picture: FramedPicture): Uint8Array {
  const { width, height, sourceWidth, sourceHeight } = picture;
  if (width === sourceWidth && height === sourceHeight) return mask;
  return resizeNearest(mask, sourceHeight, sourceWidth, height, width);
}

/** Whether some pixel's red, green and blue differ. */
export function isColoured({ data, channels }: Picture): boolean {
  if (channels === 1) return false;
  for (let at = 0; at < data.length; at += 3) {
    if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) return true;
  }
  return false;
}

/**
 * The picture in so many channels. Grey becomes three equal channels, which is what an encoder makes of it anyway;
 * colour becomes grey by Rec. 601, and a grey picture that was stored as RGB keeps its values exactly.
 */
export function withChannels<P extends Picture>(picture: P, channels: 1 | 3): P {
  if (picture.channels === channels) return picture;
  const pixels = picture.width * picture.height;
  const data = new Uint8Array(pixels * channels);
  for (let at = 0; at < pixels; at++) {
    if (channels === 3) {
      data.fill(picture.data[at] as number, 3 * at, 3 * at + 3);
    } else {
      const [r, g, b] = [picture.data[3 * at], picture.data[3 * at + 1], picture.data[3 * at + 2]] as [
        number,
        number,
        number,
      ];
      data[at] = Math.round((299 * r + 587 * g + 114 * b) / 1000);
    }
  }
  return { ...picture, data, channels };
}

/** Names a picture, and with a mask an example, by its content. */
export function digestOf(picture: Picture, mask?: Uint8Array): string {
  const hash = createHash('sha256');
  hash.update(`${picture.width}x${picture.height}x${picture.channels}:`);
  hash.update(picture.data);
  if (mask !== undefined) hash.update(mask);
  return hash.digest('hex');
}

/** Values on another grid, linear between pixel centres, borders repeated. */
export function resizeValues(
  data: Float32Array,
  width: number,
  height: number,
  newWidth: number,
  newHeight: number,
): Float32Array {
  if (width === newWidth && height === newHeight) return data;
  const out = new Float32Array(newWidth * newHeight);
  const columns = sourcePositions(width, newWidth);
  let at = 0;
  for (const [y0, y1, fy] of sourcePositions(height, newHeight)) {
    for (const [x0, x1, fx] of columns) {
      const value = (y: number, x: number): number => data[y * width + x] as number;
      const top = value(y0, x0) * (1 - fx) + value(y0, x1) * fx;
      const bottom = value(y1, x0) * (1 - fx) + value(y1, x1) * fx;
      out[at++] = top * (1 - fy) + bottom * fy;
    }
  }
  return out;
}
