import { drawBoxes } from '../pictures.js';
import { type Defaults, modelPoints, pictureCase } from './model-cases.js';
import type { Suite } from './suite.js';

const DEFAULTS: Defaults = { configs: ['vit_b'], sizes: [1024], dtypes: ['float32'] };

export const decode: Suite = {
  name: 'decode',
  about:
    'masks for 1, 8 and 64 boxes from an embedding that is there (--prompts, --config, --dtypes, --threads)',
  cases: (options) =>
    modelPoints(options, DEFAULTS).flatMap(({ title, settings }) =>
      (options.prompts ?? (options.quick ? [1, 2] : [1, 8, 64])).map((prompts) =>
        pictureCase(
          'decode',
          'decode',
          {
            title: `${title}, ${prompts} prompt${prompts === 1 ? '' : 's'}`,
            settings: { ...settings, boxes: drawBoxes(prompts, settings.size) },
          },
          options.dtypes ?? DEFAULTS.dtypes,
        ),
      ),
    ),
};
