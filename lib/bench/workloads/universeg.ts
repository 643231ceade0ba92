import { drawPicture } from '../pictures.js';
import type { Settings } from '../protocol.js';
import { examplesOf } from './examples.js';
import { modelFacts, openModel } from './open-model.js';
import { timed, type Workload } from './workload.js';

/** One new picture is segmented by UniverSeg from `n` examples. */
export async function openUniverseg(settings: Settings): Promise<Workload> {
  const segmenter = await openModel(settings);
  const size = segmenter.info.imageSize;
  const n = settings.n as number;
  const task = await segmenter.defineTask(examplesOf(n, size));
  const { image } = drawPicture(n, size);
  return {
    facts: modelFacts(segmenter),
    async repeat() {
      const { seconds, value } = await timed(() =>
        task.predict({ data: image, width: size, height: size, channels: 1 }, { returnProbability: true }),
      );
      return { values: { seconds }, output: () => value.probability as Float32Array };
    },
  };
}
