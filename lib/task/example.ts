import type { Axis, Image2D, LabelMap2D, Mask2D, MaskVolume, Volume } from '../image/index.js';
import type { Prompts } from '../prompts.js';
import type { FramedPicture } from './picture.js';

/** A path or file URL of a mask, or a mask in memory: whole numbers up to 255, 0 is background. */
export type MaskInput = string | URL | Mask2D | LabelMap2D | MaskVolume;

/** An image with what is to be found on it. */
export interface TaskExample {
  /** A picture or a volume, in memory or as a path. */
  readonly image: string | URL | Image2D | Volume;
  /** On the image's grid. A picture may do without one and give `prompts` instead. */
  readonly mask?: MaskInput;
  /** How reports call it, and `remove` finds it. The file's base name, or `example 3`, where left out. */
  readonly name?: string;
  /** Examples of one group, such as images of one patient, are left out together; each image is one of its own else. */
  readonly group?: string;
  /**
   * Of a picture: its place in the group, such as a slice's number, from 0. Where all examples are of one group, blocks
   * of neighbours are left out together, for a slice is no test for a task that has seen the next one.
   */
  readonly index?: number;
  /** Only where there is no mask: clicks or a box from which the model makes one. */
  readonly prompts?: Prompts;
}

/** An example as tasks use it: one picture, cut from a volume or not. */
export interface PreparedExample {
  readonly name: string;
  /** The name of the image it comes from: slices of one volume share it. */
  readonly source: string;
  /** Examples of one group are left out together; the source where nobody said. */
  readonly group: string;
  /** Of a slice of a volume: the axis it was cut across. */
  readonly axis: Axis | null;
  /** Of a slice of a volume, or as somebody said: where it was cut. */
  readonly index: number | null;
  readonly picture: FramedPicture;
  /** [height, width] of the picture: label values */
  readonly mask: Uint8Array;
  /** SHA-256 of pixels and mask: examples are put in this order, so that theirs does not matter. */
  readonly digest: string;
}

/** What a user should know of an example's files. */
export interface ExampleWarning {
  /** The name of the image, as in PreparedExample. */
  readonly source: string;
  readonly message: string;
}

export function describeWarning({ source, message }: ExampleWarning): string {
  return `${source}: ${message}`;
}

/** Pixels that have this label value. */
export function pixelsOf({ mask }: Pick<PreparedExample, 'mask'>, value: number): number {
  let count = 0;
  for (const pixel of mask) if (pixel === value) count += 1;
  return count;
}

/** 1 where the label is. */
export function binaryMask({ mask }: Pick<PreparedExample, 'mask'>, value: number): Uint8Array {
  return mask.map((pixel) => (pixel === value ? 1 : 0));
}

/** In the order of their content, each content once: neither order nor repetition of examples matters. */
export function canonical(examples: readonly PreparedExample[]): PreparedExample[] {
  const byDigest = new Map(examples.map((example) => [example.digest, example]));
  return [...byDigest.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}
