import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { distribution } from '../../metrics.js';
import { drawPicture } from '../pictures.js';
import type { Settings } from '../protocol.js';
import { examplesOf } from './examples.js';
import { devicePeak, modelFacts, openModel } from './open-model.js';
import { timed, type Workload } from './workload.js';

/** Everything that leave-one-out would choose. */
const SETTLED = {
  view: 'whole',
  partner: 'none',
  output: 'mean',
  look: 'given',
  location: 0.5,
  cutoff: 0.5,
} as const;

/**
 * A task of `n` examples is defined, asked about `queries` new pictures and written. Encoding is part of defining
 * and of asking. The engine is the model's task encoder, or the training-free one where it has none; nothing is
 * chosen, which would be another measurement.
 */
export async function openSupport(settings: Settings): Promise<Workload> {
  const segmenter = await openModel(settings);
  const size = segmenter.info.imageSize;
  const [n, queries] = [settings.n as number, settings.queries as number];
  const examples = examplesOf(n, size);
  const engine = segmenter.info.taskEncoder === null ? 'training-free' : 'learned';
  return {
    facts: { ...modelFacts(segmenter), engine },
    async repeat() {
      const define = await timed(() =>
        segmenter.defineTask(examples, { engine, inputSize: size, ...SETTLED }),
      );
      const times: number[] = [];
      for (let query = 0; query < queries; query++) {
        const { image } = drawPicture(n + query, size);
        const picture = { data: image, width: size, height: size, channels: 1 as const };
        times.push((await timed(() => define.value.predict(picture))).seconds);
      }
      const fileKib = (await taskBytes((file) => define.value.save(file))) / 1024;
      define.value.close();
      const defineMs = 1000 * define.seconds;
      return {
        values: {
          seconds: define.seconds + times.reduce((sum, each) => sum + each, 0),
          defineMs,
          perExampleMs: defineMs / n,
          queryMs: 1000 * distribution(times).median,
          fileKib,
          ...devicePeak(segmenter),
        },
      };
    },
  };
}

async function taskBytes(save: (file: string) => Promise<void>): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), 'gmiseg-bench-'));
  try {
    const file = path.join(folder, 'support.gmtask');
    await save(file);
    return (await stat(file)).size;
  } finally {
    await rm(folder, { recursive: true });
  }
}
