import { deviceOf, ownInEach, placeNote, threadsOf } from './model-cases.js';
import type { Suite } from './suite.js';

/** Published widths; a quick run has narrow ones. */
const WIDTHS = [64, 64, 64, 64];

export const universeg: Suite = {
  name: 'universeg',
  about: 'a picture by UniverSeg from 64 examples (--n, --sizes, --threads)',
  cases: (options) => {
    const widths = options.quick ? [4, 4] : WIDTHS;
    return (options.sizes ?? [options.quick ? 32 : 128]).flatMap((size) =>
      threadsOf(options).flatMap((threads) =>
        (options.n ?? [options.quick ? 4 : 64]).map((n) => {
          const settings = {
            config: { method: 'universeg', image_size: size, widths },
            size,
            threads,
            n,
            ...deviceOf(options),
          };
          return {
            suite: 'universeg',
            title: [`${size} pixels`, `N = ${n}`, ...placeNote(options, threads)].join(', '),
            workload: 'universeg',
            settings,
            contenders: ownInEach(['float32'], 'universeg'),
          };
        }),
      ),
    );
  },
};
