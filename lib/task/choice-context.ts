import type { Gallery } from './gallery.js';
import type { Work } from './host.js';
import type { TaskSettings } from './options.js';

/** What a choice needs to know beside the examples. */
export interface ChoiceContext {
  readonly work: Work;
  readonly gallery: Gallery;
  readonly settings: TaskSettings;
  readonly hasTaskEncoder: boolean;
  /** Side of the encoder's input. */
  readonly imageSize: number;
  /** Side of the masks that come of it, before they are drawn at the picture's pixels. */
  readonly lowResSize: number;
  /** See inputSizes. */
  readonly sizes: readonly (number | undefined)[];
}
