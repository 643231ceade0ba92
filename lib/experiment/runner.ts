import path from 'node:path';
import { GmisegError } from '../errors.js';
import type { ExperimentConfig } from './config.js';
import { DataSets } from './data-sets.js';
import { type Experiment, instancesOf, type Setup, unique } from './experiment.js';
import { type MethodInstance, needsTraining, type TrainingPlan } from './method-instance.js';
import { OpenMethods } from './open-method.js';
import { pin } from './pins.js';
import { chartTools } from './report/chart.js';
import { environment } from './report/environment.js';
import { writeReport } from './report/write-report.js';
import { Results } from './results.js';
import type { RunContext } from './run-context.js';
import { runUnit } from './run-unit.js';
import { checkTraining, ensureTrained, readTraining, type TrainingRecord } from './train-method.js';
import { readResult, type Unit, type UnitResult, writeResult } from './unit.js';

/** Every `count`-th unit, from the `index`-th on. */
export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly count: number;
}

export interface RunOptions {
  readonly shard?: Shard;
  /** Do nothing; write the report of what is there. */
  readonly reportOnly?: boolean;
  /**
   * Do the trainings that methods share, every `count`-th of them, and ask nobody: with the folder `trainings`, asking
   * goes on elsewhere. The data sets that are not trained on need not be there.
   */
  readonly trainOnly?: boolean;
}

export interface ExperimentSummary {
  readonly experiment: string;
  readonly out: string;
  /** Results, or trainings where nothing else was wanted. */
  readonly units: number;
  /** Done by this run. */
  readonly done: number;
  /** Still to be done, by whomever. */
  readonly left: number;
  /** The page, once all units are done. */
  readonly report: string | null;
}

/**
 * Runs an experiment's units that are not done yet, training methods on the way, and writes the report once all of
 * them are. Each result is one file, there whole or not at all, so a run goes on wherever an earlier one ended, and
 * several processes may share one folder, with a shard each.
 * @throws GmisegError ERR_INVALID_ARG where the folder was begun with another config, data or model; the signal's
 *   reason after an abort
 */
export async function runExperiment(
  experiment: Experiment,
  config: ExperimentConfig,
  context: RunContext,
  { shard = { index: 1, count: 1 }, reportOnly = false, trainOnly = false }: RunOptions = {},
): Promise<ExperimentSummary> {
  experiment.check?.(config);
  const instances = instancesOf(experiment, config);
  for (const { training } of instances) if (training !== null) checkTraining(training);
  // Without what draws charts, hours of work would end in an error.
  if (!trainOnly) await chartTools();
  await pin(
    path.join(context.out, 'experiment.json'),
    { experiment: experiment.name, config },
    'The experiment',
    'Run it with the config it was begun with, name another --out, or remove that folder.',
  );
  const data = new DataSets(context, config);
  const methods = new OpenMethods(context, config.dtype);
  try {
    if (trainOnly) {
      const counts = await trainShared(instances, { context, data, shard });
      return { experiment: experiment.name, out: context.out, ...counts, report: null };
    }
    await data.prepare();
    const setup: Setup = {
      config,
      instances,
      test: data.tasks(config.test),
      held: data.tasks(config.held),
    };
    const units = unique(experiment.units(setup));
    const done = reportOnly ? 0 : await work(ofShard(units, shard), { context, config, data, methods });
    await methods.close();
    const results = await collect(context, units);
    const left = units.length - results.all.length;
    const complete = left === 0;
    const report =
      complete || reportOnly
        ? await writeReport(experiment, setup, results, {
            out: context.out,
            commandLine: context.commandLine,
            environment: await environment(),
            missing: left,
          })
        : null;
    return { experiment: experiment.name, out: context.out, units: units.length, done, left, report };
  } finally {
    await methods.close();
    await data.close();
  }
}

function ofShard<T>(list: readonly T[], { index, count }: Shard): T[] {
  return list.filter((_, at) => at % count === index - 1);
}

/** The trainings that tasks share, those of one shard. */
async function trainShared(
  instances: readonly MethodInstance[],
  { context, data, shard }: { context: RunContext; data: DataSets; shard: Shard },
): Promise<Pick<ExperimentSummary, 'units' | 'done' | 'left'>> {
  const shared = instances.filter(needsTraining).filter(({ training }) => !training.perTask);
  const own = ofShard(shared, shard);
  await data.prepare(own.flatMap(({ training }) => training.data));
  for (const instance of own)
    await context.until(`the training ${instance.id}`, () => ensureTrained(context, data, instance));
  const records = await Promise.all(shared.map(({ training }) => readTraining(context, training)));
  const left = records.filter((record) => record === null).length;
  return { units: shared.length, done: own.length, left };
}

interface Workshop {
  readonly context: RunContext;
  readonly config: ExperimentConfig;
  readonly data: DataSets;
  readonly methods: OpenMethods;
}

/** Does the units; those whose method another process is training come last. */
async function work(units: readonly Unit[], { context, config, data, methods }: Workshop): Promise<number> {
  let todo: Unit[] = [];
  for (const unit of units) if ((await readResult(context, unit)) === null) todo.push(unit);
  const total = todo.length;
  let done = 0;
  while (todo.length > 0) {
    const later: Unit[] = [];
    const busy = new Set<string>();
    for (const unit of todo) {
      context.signal.throwIfAborted();
      const { instance } = unit;
      if (busy.has(instance.training?.id ?? '')) {
        later.push(unit);
        continue;
      }
      if (needsTraining(instance) && (await readTraining(context, instance.training)) === null) {
        await methods.close();
        if (!(await ensureTrained(context, data, instance))) {
          busy.add(instance.training.id);
          later.push(unit);
          continue;
        }
        context.progress.start('experiment', total);
      }
      if (done === 0) context.progress.start('experiment', total);
      context.progress.update(done, unit.id);
      const result: UnitResult = await runUnit(unit, await methods.open(instance), config.seed);
      await writeResult(context, unit, result);
      done += 1;
    }
    if (later.length === todo.length) {
      context.progress.update(done, 'waiting for another process, which trains a method');
      await context.pause();
    }
    todo = later;
  }
  context.progress.stop();
  return done;
}

async function collect(context: RunContext, units: readonly Unit[]): Promise<Results> {
  const results = new Map<string, UnitResult>();
  for (const unit of units) {
    const result = await readResult(context, unit);
    if (result === null) continue;
    if (result.unit !== unit.id) {
      throw new GmisegError(
        'ERR_IO',
        `A file of ${context.out}/results holds the result of ${result.unit}, not of ${unit.id}; remove it.`,
      );
    }
    results.set(unit.id, result);
  }
  const trainings = new Map<string, TrainingRecord>();
  const plans = new Map<string, TrainingPlan>();
  for (const { instance } of units)
    if (needsTraining(instance)) plans.set(instance.training.id, instance.training);
  for (const training of plans.values()) {
    const record = await readTraining(context, training);
    if (record !== null) trainings.set(record.training, record);
  }
  return new Results(results, trainings);
}
