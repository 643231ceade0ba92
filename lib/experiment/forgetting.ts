import { GmisegError } from '../errors.js';
import type { ExperimentConfig } from './config.js';
import { boxUnits, type Experiment, type Setup, supportUnits, unique } from './experiment.js';
import { byMethod, type MethodGroup } from './grouping.js';
import { isTrained, type MethodInstance } from './method-instance.js';
import { scatterChart } from './report/charts.js';
import type { ChartSection, TableCell, TableSection } from './report/content.js';
import { summaryCell } from './report/summary-cell.js';
import { type Results, type Summary, summarise } from './results.js';
import type { TestTask } from './test-task.js';

const PROTOCOLS = [
  { key: 'support', name: 'from examples' },
  { key: 'boxes', name: 'from boxes round the truth' },
] as const;
type Protocol = (typeof PROTOCOLS)[number]['key'];

/** Plasticity and rigidity: what an adapted model gains where it was adapted, and loses elsewhere. */
export const forgetting: Experiment = {
  name: 'forgetting',
  title: 'Learning without forgetting',
  check(config) {
    if (config.held.length === 0 || referenceOf(config) === undefined) {
      throw new GmisegError(
        'ERR_INVALID_ARG',
        'forgetting compares with the model before it was adapted: name that method in "reference" (not a trained one) and, in ' +
          '"held", the data sets on which nothing should be lost.',
      );
    }
  },
  units: (setup) => {
    const tasks = [...setup.test, ...setup.held];
    return unique([
      ...supportUnits(setup, tasks, { sizes: [sizeOf(setup.config)] }),
      ...boxUnits(setup, tasks),
    ]);
  },
  async report(setup, results) {
    const { config } = setup;
    return {
      lead:
        `Models adapted to the training subjects of ${config.train.join(', ')}. Gained: mean Dice on the test subjects of ${config.test.join(', ')} after ` +
        `less before. Lost: before less after on ${config.held.join(', ')}, which nobody adapted to. Mean over images, subjects, tasks and data sets, ` +
        `${sizeOf(config)} examples, ${config.draws} draws; ± is the standard deviation between the seeds ${config.seeds.join(', ')} of the training.`,
      sections: PROTOCOLS.flatMap(({ key, name }) => [
        chart(setup, results, key, name),
        table(setup, results, key, name),
      ]),
    };
  },
};

function sizeOf({ supports }: ExperimentConfig): number {
  return Math.max(...supports);
}

function referenceOf({ reference, methods }: ExperimentConfig): string | undefined {
  const method = reference === undefined ? undefined : methods[reference];
  return method === undefined || isTrained(method) ? undefined : reference;
}

/** What one trained model gained and lost. */
interface Change {
  readonly gained: number;
  readonly lost: number;
}

function scores(
  { config }: Setup,
  results: Results,
  instance: MethodInstance,
  tasks: readonly TestTask[],
  protocol: Protocol,
): number {
  const summary =
    protocol === 'boxes'
      ? results.boxes([instance], tasks)
      : results.support([instance], tasks, { n: sizeOf(config), draws: config.draws });
  return summary.mean;
}

function changes(setup: Setup, results: Results, { instances }: MethodGroup, protocol: Protocol): Change[] {
  const before = setup.instances.find(({ method }) => method === setup.config.reference) as MethodInstance;
  const of = (instance: MethodInstance, tasks: readonly TestTask[]): number =>
    scores(setup, results, instance, tasks, protocol);
  return instances
    .map((instance) => ({
      gained: of(instance, setup.test) - of(before, setup.test),
      lost: of(before, setup.held) - of(instance, setup.held),
    }))
    .filter(({ gained, lost }) => !Number.isNaN(gained + lost));
}

/** All methods but the reference. */
function adapted({ config, instances }: Setup): MethodGroup[] {
  return byMethod(instances).filter(({ method }) => method !== config.reference);
}

function chart(setup: Setup, results: Results, protocol: Protocol, name: string): ChartSection {
  const rows = adapted(setup).flatMap((group) => {
    const all = changes(setup, results, group, protocol);
    if (all.length === 0) return [];
    const mean = (key: keyof Change): number => summarise(all.map((change) => change[key])).mean;
    return [
      ...all.map(({ gained, lost }) => ({ series: group.label, kind: 'seed', x: lost, y: gained })),
      { series: group.label, kind: 'mean', x: mean('lost'), y: mean('gained') },
    ];
  });
  return {
    kind: 'chart',
    name: `gained-lost-${protocol}`,
    title: `Gained against lost, ${name}`,
    note: 'Small points: one seed each; large ones: their mean. Up and to the left is better.',
    rows,
    spec: scatterChart('Dice lost elsewhere', 'Dice gained where adapted'),
  };
}

function table(setup: Setup, results: Results, protocol: Protocol, name: string): TableSection {
  const over = (own: readonly MethodInstance[], tasks: readonly TestTask[]): Summary =>
    summarise(own.map((instance) => scores(setup, results, instance, tasks, protocol)));
  const rows = byMethod(setup.instances).map((group): TableCell[] => {
    const all = changes(setup, results, group, protocol);
    const isReference = group.method === setup.config.reference;
    const change = (key: keyof Change): TableCell =>
      isReference ? null : summaryCell(summarise(all.map((each) => each[key])));
    const record = group.instances.map((instance) => results.training(instance)).find(Boolean);
    return [
      group.label,
      record?.trainableParameters ?? 0,
      record?.adapterParameters ?? 0,
      summaryCell(over(group.instances, setup.test)),
      change('gained'),
      summaryCell(over(group.instances, setup.held)),
      change('lost'),
    ];
  });
  return {
    kind: 'table',
    name: `gained-lost-${protocol}-table`,
    title: `In numbers, ${name}`,
    columns: [
      'method',
      'trainable parameters',
      'of these in the adapter',
      'Dice where adapted',
      'gained',
      'Dice elsewhere',
      'lost',
    ],
    rows,
  };
}
