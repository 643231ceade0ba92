import { type Defaults, modelPoints, pictureCase } from './model-cases.js';
import type { Suite } from './suite.js';

const DEFAULTS: Defaults = { configs: ['vit_b'], sizes: [1024], dtypes: ['float32'] };

export const load: Suite = {
  name: 'load',
  about: 'from the start of a process to its first embedding, and peak memory (--config, --sizes, --dtypes)',
  cases: (options) =>
    modelPoints(options, DEFAULTS).map((point) => ({
      ...pictureCase('load', 'encode', point, options.dtypes ?? DEFAULTS.dtypes),
      cold: true,
    })),
};
