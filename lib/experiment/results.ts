import { groupBy } from '../group-by.js';
import { distribution } from '../metrics.js';
import { byDataSet } from './grouping.js';
import type { MethodInstance } from './method-instance.js';
import type { TestTask } from './test-task.js';
import type { TrainingRecord } from './train-method.js';
import { boxUnit, supportUnit, type Unit, type UnitResult } from './unit.js';

/** A mean with what it is the mean of. */
export interface Summary {
  readonly mean: number;
  /** Between draws and seeds; 0 for one of them. */
  readonly std: number;
  /** Draws x seeds. */
  readonly count: number;
  readonly values: readonly number[];
}

/** What is asked for: tasks, and how they were answered. */
export interface Selection {
  readonly n: number;
  readonly draws: number;
  readonly ensemble?: number;
  readonly metric?: string;
}

/** The results of an experiment, by unit; some may be missing. */
export class Results {
  readonly #byUnit: ReadonlyMap<string, UnitResult>;
  readonly #trainings: ReadonlyMap<string, TrainingRecord>;

  constructor(results: ReadonlyMap<string, UnitResult>, trainings: ReadonlyMap<string, TrainingRecord>) {
    this.#byUnit = results;
    this.#trainings = trainings;
  }

  get all(): UnitResult[] {
    return [...this.#byUnit.values()];
  }

  get trainings(): TrainingRecord[] {
    return [...this.#trainings.values()];
  }

  of({ id }: Unit): UnitResult | undefined {
    return this.#byUnit.get(id);
  }

  training({ training }: MethodInstance): TrainingRecord | undefined {
    return training === null ? undefined : this.#trainings.get(training.id);
  }

  /** For each method instance and draw, the mean over data sets of the mean over their tasks; from supports. */
  support(instances: readonly MethodInstance[], tasks: readonly TestTask[], selection: Selection): Summary {
    const { n, draws, ensemble = 1, metric = 'dice' } = selection;
    return summarise(
      instances.flatMap((instance) =>
        Array.from({ length: draws }, (_, draw) =>
          this.#mean(tasks, metric, (task) => supportUnit(instance, task, { n, draw, ensemble })),
        ),
      ),
    );
  }

  /** The same for each method instance from boxes round the truth; nothing for one that takes none. */
  boxes(instances: readonly MethodInstance[], tasks: readonly TestTask[], metric = 'dice'): Summary {
    return summarise(
      instances
        .filter(({ takesBoxes }) => takesBoxes)
        .map((instance) => this.#mean(tasks, metric, (task) => boxUnit(instance, task))),
    );
  }

  /** NaN where a unit is missing. */
  #mean(tasks: readonly TestTask[], metric: string, unitOf: (task: TestTask) => Unit): number {
    const means = byDataSet(tasks).map(({ tasks: own }) => {
      const scores = own.map((task) => scoreOf(this.of(unitOf(task)), metric));
      return scores.some(Number.isNaN) ? Number.NaN : distribution(scores).mean;
    });
    return means.some(Number.isNaN) ? Number.NaN : distribution(means).mean;
  }
}

/** A unit's score: mean over the images of each subject, then over subjects. */
export function scoreOf(result: UnitResult | undefined, metric: string): number {
  if (result === undefined) return Number.NaN;
  const bySubject = groupBy(result.queries, ({ subject }) => subject);
  const means = bySubject.map(
    (queries) => distribution(queries.map(({ scores }) => scores[metric] ?? Number.NaN)).mean,
  );
  return distribution(means).mean;
}

/** NaN, which stands for what is missing, is left out. */
export function summarise(values: readonly number[]): Summary {
  const there = values.filter((value) => !Number.isNaN(value));
  const { mean, std, n } = distribution(there);
  return { mean, std, count: n, values: there };
}
