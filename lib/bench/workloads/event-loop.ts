import { readFile } from 'node:fs/promises';
import type { Settings } from '../protocol.js';
import { statDelays } from '../stat-delays.js';
import { modelFacts, openModel } from './open-model.js';
import type { Workload } from './workload.js';

/** What else the process can do while `n` embeddings that were asked for together are made. */
export async function openEventLoop(settings: Settings): Promise<Workload> {
  const segmenter = await openModel(settings);
  const size = segmenter.info.imageSize;
  const file = settings.image as string;
  const data = new Uint8Array(await readFile(file));
  const encode = async (): Promise<void> => {
    (await segmenter.encode({ data, width: size, height: size, channels: 3 })).close();
  };
  return {
    facts: modelFacts(segmenter),
    async repeat() {
      const jobs = settings.n as number;
      return { values: await statDelays(file, () => Promise.all(Array.from({ length: jobs }, encode))) };
    },
  };
}
