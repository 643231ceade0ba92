import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { importDataset } from '../../dataset/import-dataset.js';
import type { Settings } from '../protocol.js';
import { timed, type Workload } from './workload.js';

/** The nnU-Net folder `dataset` becomes a slice store. */
export async function openImport(settings: Settings): Promise<Workload> {
  const source = settings.dataset as string;
  return {
    facts: {},
    async repeat() {
      const out = await mkdtemp(path.join(tmpdir(), 'gmiseg-bench-'));
      try {
        const { seconds, value } = await timed(() =>
          importDataset({ layout: 'nnunet', source, policy: 'all', out: path.join(out, 'store') }),
        );
        const voxels = settings.voxels as number;
        return { values: { seconds, megavoxelsPerSecond: voxels / 1e6 / seconds, slices: value.slices } };
      } finally {
        await rm(out, { recursive: true });
      }
    },
  };
}
