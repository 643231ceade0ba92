import { readFile } from 'node:fs/promises';
import type { Box } from '../../prompts.js';
import type { Settings } from '../protocol.js';
import { devicePeak, modelFacts, openModel } from './open-model.js';
import { timed, type Workload } from './workload.js';

/** Masks for all `boxes` in one call, from an embedding that is there: on the picture's pixels, cut at 0. */
export async function openDecode(settings: Settings): Promise<Workload> {
  const segmenter = await openModel(settings);
  const size = segmenter.info.imageSize;
  const boxes = settings.boxes as Box[];
  const data = new Uint8Array(await readFile(settings.image as string));
  const embedding = await segmenter.encode({ data, width: size, height: size, channels: 3 });
  return {
    facts: modelFacts(segmenter),
    async repeat() {
      const { seconds } = await timed(() => segmenter.predict(embedding, { boxes }));
      return {
        values: { seconds, perPromptMs: (1000 * seconds) / boxes.length, ...devicePeak(segmenter) },
        output: async () =>
          (await segmenter.predict(embedding, { boxes }, { returnLowRes: true })).lowRes as Float32Array,
      };
    },
  };
}
