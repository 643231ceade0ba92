import type { VoxelArray } from '../../image/index.js';

/** An array of a container file, last axis fastest. */
export interface NamedArray {
  readonly data: VoxelArray;
  readonly shape: readonly number[];
}
