import type { Settings } from '../protocol.js';
import { openModel } from './open-model.js';
import { timed, type Workload } from './workload.js';

/** Writes the settings' model with all its weights to the file `out`. */
export async function openWeights(settings: Settings): Promise<Workload> {
  const segmenter = await openModel(settings);
  return {
    facts: {},
    async repeat() {
      const { seconds } = await timed(() => segmenter.save(settings.out as string, { what: 'full' }));
      return { values: { seconds } };
    },
  };
}
