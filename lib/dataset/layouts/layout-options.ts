/** How a dataset may lie on disk. */
export const LAYOUTS = ['nnunet', 'folders'] as const;
export type LayoutName = (typeof LAYOUTS)[number];

export interface LayoutOptions {
  /** The first capture group of this pattern on the case id is the subject. */
  subject?: RegExp;
  /** Grey value of the masks to name (`folders` only); stray greys snap to the nearest of these and 0. */
  labels?: ReadonlyMap<number, string>;
}
