import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Settings } from '../protocol.js';
import { devicePeak, modelFacts, openModel } from './open-model.js';
import type { Workload } from './workload.js';

/** The first step of a training warms up what is made for it; the second is the one that counts. */
const STEPS = 2;

/**
 * A step of LoRA on q and v, of `rank`, everything else frozen: one picture, one box, focal and Dice loss on the
 * low-resolution logits, AdamW. Nothing random decides how much work there is.
 */
export async function openTrain(settings: Settings): Promise<Workload> {
  // Weights stay float32: `dtype` is that of the arithmetic.
  const { dtype = 'float32', ...rest } = settings;
  const segmenter = await openModel(rest);
  return {
    facts: modelFacts(segmenter),
    async repeat() {
      const out = await mkdtemp(path.join(tmpdir(), 'gmiseg-bench-'));
      try {
        const training = segmenter.train(settings.store as string, {
          out: path.join(out, 'run'),
          adapter: { kind: 'lora', rank: settings.rank as number },
          train: 'adapter',
          steps: STEPS,
          batchSize: 1,
          warmupSteps: 0,
          boxShare: 1,
          pointsShare: 0,
          bothShare: 0,
          refineShare: 0,
          flip: 0,
          noise: 0,
          validateSamples: 0,
          // A step's time is known when it has been waited for.
          reportEvery: 1,
          dtype,
          activationCheckpointing: settings.checkpointing === true,
        });
        let seconds = Number.NaN;
        for await (const report of training) if (report.type === 'step') seconds = report.ms / 1000;
        const feedWaitMs = (1000 * (await training).feedWaitSeconds) / STEPS;
        return { values: { seconds, feedWaitMs, ...devicePeak(segmenter) } };
      } finally {
        await rm(out, { recursive: true });
      }
    },
  };
}
