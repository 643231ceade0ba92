import { type Defaults, modelPoints, pictureCase } from './model-cases.js';
import type { Suite } from './suite.js';

const DEFAULTS: Defaults = {
  configs: ['vit_b', 'vit_l'],
  sizes: [1024],
  dtypes: ['float32', 'bfloat16'],
};

export const encode: Suite = {
  name: 'encode',
  about: 'an embedding of one picture (--config, --sizes, --dtypes, --threads)',
  cases: (options) =>
    modelPoints(options, DEFAULTS).map((point) =>
      pictureCase('encode', 'encode', point, options.dtypes ?? DEFAULTS.dtypes),
    ),
};
