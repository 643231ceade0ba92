import type { ExperimentConfig } from './config.js';
import { type MethodInstance, methodInstances } from './method-instance.js';
import type { ExperimentName } from './names.js';
import type { ReportContent } from './report/content.js';
import type { Results } from './results.js';
import type { TestTask } from './test-task.js';
import { boxUnit, supportUnit, type Unit } from './unit.js';

/** What an experiment plans with. */
export interface Setup {
  readonly config: ExperimentConfig;
  readonly instances: readonly MethodInstance[];
  /** Tasks of the data sets in `test`, and in `held`. */
  readonly test: readonly TestTask[];
  readonly held: readonly TestTask[];
}

/** A table or figure: which units it needs, and what it makes of their results. */
export interface Experiment {
  readonly name: ExperimentName;
  readonly title: string;
  /** Throws where the config lacks what this experiment needs; it has passed the schema. */
  check?(config: ExperimentConfig): void;
  /** All methods, those to train once for each seed, where left out. */
  instances?(config: ExperimentConfig): MethodInstance[];
  /** In the order in which one process does them: units of one method together. */
  units(setup: Setup): Unit[];
  report(setup: Setup, results: Results): Promise<ReportContent>;
}

export function instancesOf(experiment: Experiment, config: ExperimentConfig): MethodInstance[] {
  return experiment.instances?.(config) ?? methodInstances(config);
}

/**
 * Units without repetition: pools that are small make support sets of several sizes and draws the same. What one of
 * them would have kept of its pictures is kept.
 */
export function unique(units: readonly Unit[]): Unit[] {
  const byId = new Map<string, Unit>();
  for (const unit of units) {
    const pictures = Math.max(unit.pictures, byId.get(unit.id)?.pictures ?? 0);
    byId.set(unit.id, { ...unit, pictures });
  }
  return [...byId.values()];
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}

/** Every method on every task, `draws` support sets of each size; the first of the largest keeps its pictures. */
export function supportUnits(
  { config, instances }: Pick<Setup, 'config' | 'instances'>,
  tasks: readonly TestTask[],
  { sizes = config.supports, ensemble = 1 }: { sizes?: readonly number[]; ensemble?: number } = {},
): Unit[] {
  const most = Math.max(...sizes);
  return instances.flatMap((instance) =>
    tasks.flatMap((task) =>
      sizes.flatMap((n) =>
        range(config.draws).map((draw) => {
          const shown = n === most && draw === 0 && ensemble === 1 ? config.pictures : 0;
          return supportUnit(instance, task, { n, draw, ensemble, pictures: shown });
        }),
      ),
    ),
  );
}

/** Every method that takes boxes, on every task. */
export function boxUnits({ instances }: Pick<Setup, 'instances'>, tasks: readonly TestTask[]): Unit[] {
  return instances
    .filter(({ takesBoxes }) => takesBoxes)
    .flatMap((instance) => tasks.map((task) => boxUnit(instance, task)));
}
