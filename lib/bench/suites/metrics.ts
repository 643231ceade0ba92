import { ownContender } from '../own-contender.js';
import type { Suite } from './suite.js';

/** Of a usual CT, in mm. */
const SPACING = [0.8, 0.8, 2.5];

export const metrics: Suite = {
  name: 'metrics',
  about: 'scoring a pair of masks, and the distance transform (--sizes: the longer sides of a volume)',
  cases: (options) =>
    (options.sizes ?? [options.quick ? 32 : 512]).flatMap((size) => {
      const shape = [size, size, Math.max(8, Math.round(size / 4))];
      return [
        { workload: 'evaluate', what: 'evaluate(), all metrics' },
        { workload: 'distances', what: 'distance transform' },
      ].map(({ workload, what }) => {
        return {
          suite: 'metrics',
          title: `${what}, ${shape.join(' x ')} voxels`,
          workload,
          settings: { shape, spacing: SPACING },
          contenders: [ownContender({ name: 'gmiseg', workload, settings: {} })],
        };
      });
    }),
};
