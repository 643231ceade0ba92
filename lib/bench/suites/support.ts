import path from 'node:path';
import { deviceOf, ownInEach, placeNote, threadsOf } from './model-cases.js';
import type { Suite } from './suite.js';

const QUERIES = 10;

export const support: Suite = {
  name: 'support',
  about:
    'defining a task by 1, 16 and 64 examples and asking it (--n, --model, --config, --sizes, --threads)',
  cases: (options) => {
    const { quick, model, configs = quick ? ['tiny'] : [], sizes, dtypes = ['float32'] } = options;
    // Without --model and --config: the package's own model, which has a task encoder.
    const models = model === undefined ? configs.map((config) => ({ config })) : [{ model }];
    const sides = sizes ?? (quick ? [64] : [256]);
    const numbers = options.n ?? (quick ? [2] : [1, 16, 64]);
    return (models.length > 0 ? models : [{}]).flatMap((source) =>
      sides.flatMap((size) =>
        threadsOf(options).flatMap((threads) =>
          numbers.map((n) => {
            const settings = {
              ...source,
              size,
              threads,
              n,
              queries: quick ? 2 : QUERIES,
              ...deviceOf(options),
            };
            const name = path.basename(Object.values(source)[0] ?? 'default model');
            return {
              suite: 'support',
              title: [name, `${size} pixels`, `N = ${n}`, ...placeNote(options, threads)].join(', '),
              workload: 'support',
              settings,
              contenders: ownInEach(dtypes, 'support'),
            };
          }),
        ),
      ),
    );
  },
};
