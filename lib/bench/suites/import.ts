import path from 'node:path';
import { ownContender } from '../own-contender.js';
import { type Shape, writeVolumes } from '../volumes.js';
import type { Suite } from './suite.js';

export const importing: Suite = {
  name: 'import',
  about: 'an nnU-Net folder of compressed volumes to a slice store (--n volumes, --sizes)',
  cases: (options) =>
    (options.sizes ?? [options.quick ? 32 : 256]).flatMap((size) =>
      (options.n ?? [options.quick ? 2 : 16]).map((n) => {
        const shape: Shape = [size, size, Math.max(8, size / 8)];
        return {
          suite: 'import',
          title: `${n} volumes of ${shape.join(' x ')}`,
          workload: 'import',
          settings: { voxels: n * shape[0] * shape[1] * shape[2] },
          materials: async (folder) => {
            const dataset = path.join(folder, 'dataset');
            await writeVolumes(dataset, n, shape);
            return { dataset };
          },
          contenders: [ownContender({ name: 'gmiseg', workload: 'import', settings: {} })],
        };
      }),
    ),
};
