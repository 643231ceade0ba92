import path from 'node:path';
import { z } from 'zod';
import { writeRunSource } from '../cli/run-files.js';
import { writeFileAtomically } from '../cli/write-file.js';
import { exists } from '../dataset/layouts/files.js';
import type { LoadOptions } from '../load-options.js';
import { Segmenter } from '../segmenter.js';
import { trainOptionsJson } from '../train-options.js';
import { once } from './claim.js';
import type { DataSets } from './data-sets.js';
import { loadChoice } from './load-choice.js';
import type { MethodInstance, TrainingPlan } from './method-instance.js';
import { readJson } from './read-json.js';
import type { RunContext } from './run-context.js';

const recordSchema = z.object({
  training: z.string(),
  data: z.array(z.string()),
  steps: z.number(),
  trainableParameters: z.number(),
  /** Of the adapter alone; null without one. */
  adapterParameters: z.number().nullable(),
  loss: z.number(),
  valDice: z.number().nullable(),
  seconds: z.number(),
  device: z.string(),
});

/** What came of a training. */
export type TrainingRecord = z.infer<typeof recordSchema>;

function folderOf({ out }: Pick<RunContext, 'out'>, { id }: TrainingPlan): string {
  return path.join(out, 'trainings', id);
}

/** Null where the training is not done. */
export function readTraining(
  context: Pick<RunContext, 'out'>,
  plan: TrainingPlan,
): Promise<TrainingRecord | null> {
  return readJson(path.join(folderOf(context, plan), 'done.json'), recordSchema);
}

/**
 * Trains a method, or goes on with it, unless that is done.
 * @returns whether it is done; false where another process is at it
 * @throws the signal's reason after an abort, with a checkpoint to go on from
 */
export async function ensureTrained(
  context: RunContext,
  data: DataSets,
  instance: MethodInstance & { readonly training: TrainingPlan },
): Promise<boolean> {
  const { training: plan } = instance;
  const folder = folderOf(context, plan);
  return await once(path.join(folder, 'done.json'), context.claim(`training-${plan.id}`), async () => {
    const source = await loadChoice(context, instance.model);
    // Held in float32 whatever predictions use: small updates need more than bfloat16.
    const segmenter = await Segmenter.load({ ...source, ...context.runtime });
    try {
      // So that `gmiseg predict --model` takes the folder, as that of any training.
      await writeRunSource(folder, source, plan.options.seed ?? 0);
      const options = trainOptions(plan, data);
      const training = segmenter.train(
        plan.data.map((name) => data.folder(name)),
        { ...options, out: folder, resume: true },
      );
      const stop = (): void => void training.stop().catch(() => {});
      context.signal.addEventListener('abort', stop, { once: true });
      if (context.signal.aborted) stop();
      try {
        context.progress.start(`train ${instance.id}`, options.steps ?? 1000);
        for await (const report of training) {
          if (report.type === 'step') context.progress.update(report.step, `loss ${report.loss.toFixed(3)}`);
        }
      } finally {
        context.signal.removeEventListener('abort', stop);
        context.progress.stop();
      }
      const summary = await training;
      context.signal.throwIfAborted();
      const { adapter, device } = segmenter.info;
      const record: TrainingRecord = {
        training: plan.id,
        data: [...plan.data],
        steps: summary.steps,
        trainableParameters: summary.trainableParameters,
        adapterParameters: adapter === null ? null : Number(adapter.parameters),
        loss: summary.loss,
        valDice: summary.valDice,
        seconds: summary.seconds,
        device,
      };
      await writeFileAtomically(path.join(folder, 'done.json'), `${JSON.stringify(record, null, 1)}\n`);
    } finally {
      await segmenter.close();
    }
  });
}

/** The plan's options with the names of the data sets, where a store holds others too. */
function trainOptions({ data: names, options }: TrainingPlan, data: DataSets): TrainingPlan['options'] {
  if (names.length === 0 || names.every((name) => data.names(name) === null)) return options;
  return { datasets: names.flatMap((name) => data.names(name) ?? data.contents(name)), ...options };
}

/** The trained model, to be loaded. */
export async function trainedModel(
  context: RunContext,
  { model, training }: MethodInstance & { readonly training: TrainingPlan },
): Promise<LoadOptions> {
  const folder = folderOf(context, training);
  const whole = path.join(folder, 'model.safetensors');
  const base = await loadChoice(context, model);
  if (await exists(whole)) {
    return { checkpoint: whole, ...(base.imageSize === undefined ? {} : { imageSize: base.imageSize }) };
  }
  return { ...base, adapter: path.join(folder, 'adapter.safetensors') };
}

/**
 * Tells at once what the trainer would refuse only after hours of other work.
 * @throws GmisegError ERR_INVALID_ARG
 */
export function checkTraining({ data, options }: TrainingPlan): void {
  trainOptionsJson([...data], { ...options, out: 'run' });
}
