import { type Defaults, modelPoints, pictureCase } from './model-cases.js';
import type { Suite } from './suite.js';

const DEFAULTS: Defaults = { configs: ['vit_b'], sizes: [1024], dtypes: ['float32'] };

export const eventLoop: Suite = {
  name: 'event-loop',
  about: 'how long fs.stat takes while embeddings are made (--n asked for together, --config, --sizes)',
  cases: (options) =>
    modelPoints(options, DEFAULTS).flatMap(({ title, settings }) =>
      (options.n ?? [1]).map((n) =>
        pictureCase(
          'event-loop',
          'event-loop',
          { title: `${title}, ${n} at once`, settings: { ...settings, n } },
          options.dtypes ?? DEFAULTS.dtypes,
        ),
      ),
    ),
};
