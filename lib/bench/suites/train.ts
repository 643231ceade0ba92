import { ownContender } from '../own-contender.js';
import { writeDrawnStore } from '../training-store.js';
import { type Defaults, modelPoints } from './model-cases.js';
import type { Suite } from './suite.js';

const DEFAULTS: Defaults = { configs: ['vit_b'], sizes: [256, 512, 1024], dtypes: ['float32'] };

/** Of the adapters, as in the published comparisons. */
const RANK = 4;

export const train: Suite = {
  name: 'train',
  about:
    'a step of LoRA on q and v at 256, 512 and 1024 pixels, and peak memory (--sizes, --config, --dtypes)',
  cases: (options) =>
    modelPoints(options, DEFAULTS).map((point) => {
      const settings = { ...point.settings, rank: RANK };
      const { size } = settings;
      return {
        suite: 'train',
        title: point.title,
        workload: 'train',
        settings,
        materials: (folder) => writeDrawnStore(folder, size),
        contenders: (options.dtypes ?? DEFAULTS.dtypes).flatMap((dtype) =>
          [false, true].map((checkpointing) =>
            ownContender({
              name: `gmiseg ${dtype}${checkpointing ? ', recomputing' : ''}`,
              workload: 'train',
              dtype,
              settings: { dtype, checkpointing },
            }),
          ),
        ),
      };
    }),
};
