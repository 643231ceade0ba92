import path from 'node:path';
import { z } from 'zod';
import { exists } from '../dataset/layouts/files.js';
import type { LoadOptions } from '../load-options.js';
import { Segmenter } from '../segmenter.js';
import { trainOptionsJson } from '../train-options.js';
import { writeFileAtomically } from '../write-file.js';
import { once } from './claim.js';
import type { DataSets } from './data-sets.js';
import { loadChoice } from './load-choice.js';
import type { TrainedInstance, TrainingPlan } from './method-instance.js';
import { minutesSpent } from './minutes-spent.js';
import { readJson } from './read-json.js';
import type { RunContext } from './run-context.js';
import { ensureTaskStore } from './task-store.js';

/** The trainer's weights with the best validation, whole or of the adapter as its last ones are. */
const BEST = 'best.safetensors';
/** For the trainer 0 minutes are no limit. */
const LEAST_MINUTES = 1e-6;

const recordSchema = z.object({
  training: z.string(),
  data: z.array(z.string()),
  steps: z.number(),
  trainableParameters: z.number(),
  /** Of the adapter alone; null without one. */
  adapterParameters: z.number().nullable(),
  loss: z.number(),
  valDice: z.number().nullable(),
  /** Which weights are asked, of which step; the best ones are the last where nothing validated. */
  weights: z.enum(['last', 'best']).default('last'),
  weightsStep: z.number().nullable().default(null),
  /** Of all runs that led there. */
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
  instance: TrainedInstance,
): Promise<boolean> {
  const { training: plan } = instance;
  const folder = folderOf(context, plan);
  return await once(path.join(folder, 'done.json'), context.claim(`training-${plan.id}`), async () => {
    const source = await loadChoice(context, instance.model);
    // Held in float32 whatever predictions use: small updates need more than bfloat16.
    const segmenter = await Segmenter.load({ ...source, ...context.runtime });
    try {
      const spent = await minutesSpent(folder);
      const options = withinBudget(trainOptions(plan, data), spent);
      const training = segmenter.train(await storesOf(context, plan, data), {
        ...options,
        out: folder,
        resume: true,
      });
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
      const weights = (await isBest(folder, plan)) ? 'best' : 'last';
      const record: TrainingRecord = {
        training: plan.id,
        data: plan.task === undefined ? [...plan.data] : [plan.task.id],
        steps: summary.steps,
        trainableParameters: summary.trainableParameters,
        adapterParameters: adapter === null ? null : Number(adapter.parameters),
        loss: summary.loss,
        valDice: weights === 'best' ? summary.bestValDice : summary.valDice,
        weights,
        weightsStep: weights === 'best' ? summary.bestStep : summary.steps,
        seconds: 60 * spent + summary.seconds,
        device,
      };
      await writeFileAtomically(path.join(folder, 'done.json'), `${JSON.stringify(record, null, 1)}\n`);
    } finally {
      await segmenter.close();
    }
  });
}

/** Where what a training learns from lies. */
async function storesOf(
  context: RunContext,
  { data: names, task }: TrainingPlan,
  data: DataSets,
): Promise<string[]> {
  return task === undefined ? names.map((name) => data.folder(name)) : [await ensureTaskStore(context, task)];
}

/** What is left of the minutes after earlier runs; a training that has used them up ends at once. */
function withinBudget(options: TrainingPlan['options'], spent: number): TrainingPlan['options'] {
  const { maxMinutes = 0 } = options;
  return maxMinutes > 0 ? { ...options, maxMinutes: Math.max(maxMinutes - spent, LEAST_MINUTES) } : options;
}

/** Whether the weights that validated best are the ones to ask. */
async function isBest(folder: string, { choose }: TrainingPlan): Promise<boolean> {
  return choose === 'best' && (await exists(path.join(folder, BEST)));
}

/** The plan's options with the names of the data sets, where a store holds others too. */
function trainOptions({ data: names, options }: TrainingPlan, data: DataSets): TrainingPlan['options'] {
  if (names.length === 0 || names.every((name) => data.names(name) === null)) return options;
  return { datasets: names.flatMap((name) => data.names(name) ?? data.contents(name)), ...options };
}

/** The trained model, to be loaded. */
export async function trainedModel(
  context: RunContext,
  { model, training }: TrainedInstance,
): Promise<LoadOptions> {
  const folder = folderOf(context, training);
  const best = (await isBest(folder, training)) ? path.join(folder, BEST) : null;
  const whole = path.join(folder, 'model.safetensors');
  const base = await loadChoice(context, model);
  if (await exists(whole)) {
    return {
      checkpoint: best ?? whole,
      ...(base.imageSize === undefined ? {} : { imageSize: base.imageSize }),
    };
  }
  return { ...base, adapter: best ?? path.join(folder, 'adapter.safetensors') };
}

/**
 * Tells at once what the trainer would refuse only after hours of other work.
 * @throws GmisegError ERR_INVALID_ARG
 */
export function checkTraining({ data, options, perTask }: TrainingPlan): void {
  trainOptionsJson(perTask ? ['store'] : [...data], { ...options, out: 'run' });
}
