import { readFile } from 'node:fs/promises';
import type { ModelConfig } from '../../load-options.js';
import { encoderFlops } from '../encoder-flops.js';
import type { Settings } from '../protocol.js';
import { devicePeak, modelFacts, openModel } from './open-model.js';
import { timed, type Workload } from './workload.js';

/** One embedding of the picture `image`, raw RGB of `size` x `size`, from its bytes to numbers in memory. */
export async function openEncode(settings: Settings): Promise<Workload> {
  const segmenter = await openModel(settings);
  const size = segmenter.info.imageSize;
  const data = new Uint8Array(await readFile(settings.image as string));
  return {
    facts: { ...modelFacts(segmenter), flops: encoderFlops(segmenter.info.config as ModelConfig) },
    async repeat() {
      const { seconds, value } = await timed(async () => {
        const embedding = await segmenter.encode({ data, width: size, height: size, channels: 3 });
        // A GPU is done when its result is here.
        const output = embedding.toArray();
        embedding.close();
        return output;
      });
      return { values: { seconds, ...devicePeak(segmenter) }, output: () => value };
    },
  };
}
