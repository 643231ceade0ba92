import { type Answers, type QueryRow, type Run, rowsOf } from './answers.js';
import type { MethodInstance } from './method-instance.js';
import type { TestTask } from './test-task.js';
import type { TrainingRecord } from './train-method.js';
import { boxUnit, supportUnit, type Unit, type UnitResult } from './unit.js';

/** How tasks were asked. */
export interface Selection {
  readonly n: number;
  readonly draws: number;
  readonly ensemble?: number;
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

  /** Answers from supports: a run for each instance and draw. */
  support(instances: readonly MethodInstance[], tasks: readonly TestTask[], selection: Selection): Answers {
    const { n, draws, ensemble = 1 } = selection;
    return this.#answers(instances, tasks, draws, (instance, task, draw) =>
      supportUnit(instance, task, { n, draw, ensemble }),
    );
  }

  /** Answers from boxes round the truth: a run for each instance; none of one that takes no boxes. */
  boxes(instances: readonly MethodInstance[], tasks: readonly TestTask[]): Answers {
    const own = instances.filter(({ takesBoxes }) => takesBoxes);
    return this.#answers(own, tasks, 1, (instance, task) => boxUnit(instance, task));
  }

  #answers(
    instances: readonly MethodInstance[],
    tasks: readonly TestTask[],
    draws: number,
    unitOf: (instance: MethodInstance, task: TestTask, draw: number) => Unit,
  ): Answers {
    const runs: Run[] = [];
    let different = 0;
    for (const instance of instances) {
      const units = tasks.map(() => new Set<string>());
      for (let draw = 0; draw < draws; draw++) {
        const rows = tasks.map((task, at): QueryRow[] | null => {
          const unit = unitOf(instance, task, draw);
          units[at]!.add(unit.id);
          const result = this.of(unit);
          return result === undefined ? null : rowsOf(result, task.dataSet, draw);
        });
        if (!rows.includes(null))
          runs.push({ instance: instance.id, draw, rows: rows.flatMap((own) => own ?? []) });
      }
      different = Math.max(different, ...units.map(({ size }) => size));
    }
    return { runs, complete: runs.length === instances.length * draws, draws: different };
  }
}
