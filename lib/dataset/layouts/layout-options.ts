/** How a dataset may lie on disk. */
export const LAYOUTS = [
  'nnunet',
  'decathlon',
  'bids',
  'folders',
  'csv',
  'pairs',
  'arrays',
  'acdc',
  'la2018',
  'synapse',
  'stare',
  'isles2022',
] as const;
export type LayoutName = (typeof LAYOUTS)[number];

export interface LayoutOptions {
  /** The first capture group of this pattern on the case id is the subject. */
  subject?: RegExp;
  /**
   * Names of label values. In `folders`, `pairs` and `csv` of pictures: the greys that mean something; stray ones
   * snap to the nearest of these and 0.
   */
  labels?: ReadonlyMap<number, string>;
  /** Whose masks, where a dataset has those of several people (`stare`: ah or vk). */
  annotator?: string;
  /** Which images of a BIDS dataset, by suffix (`T1w`), in the order of the channels. */
  suffixes?: readonly string[];
}
