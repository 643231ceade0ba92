import type { MethodInstance } from './method-instance.js';
import type { TestTask } from './test-task.js';

/** The tasks of one data set. */
export interface DataSetTasks {
  readonly name: string;
  readonly tasks: readonly TestTask[];
}

/** Tasks by data set, in their order. */
export function byDataSet(tasks: readonly TestTask[]): DataSetTasks[] {
  const names = [...new Set(tasks.map(({ dataSet }) => dataSet))];
  return names.map((name) => ({ name, tasks: tasks.filter(({ dataSet }) => dataSet === name) }));
}

/** The same, and all tasks together where there are several data sets. */
export function dataSetsAndAll(tasks: readonly TestTask[]): DataSetTasks[] {
  const sets = byDataSet(tasks);
  return sets.length > 1 ? [...sets, { name: 'all', tasks }] : sets;
}

/** A method with all that was trained of it. */
export interface MethodGroup {
  readonly method: string;
  readonly label: string;
  readonly instances: readonly MethodInstance[];
}

/** Instances by method, in their order. */
export function byMethod(instances: readonly MethodInstance[]): MethodGroup[] {
  const methods = [...new Set(instances.map(({ method }) => method))];
  return methods.map((method) => {
    const own = instances.filter((instance) => instance.method === method);
    return { method, label: own[0]?.label ?? method, instances: own };
  });
}
