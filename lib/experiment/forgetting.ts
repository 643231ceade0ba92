import { GmisegError } from '../errors.js';
import { type Answers, changes } from './answers.js';
import type { ExperimentConfig } from './config.js';
import { boxUnits, type Experiment, type Setup, supportUnits, unique } from './experiment.js';
import { byMethod, type MethodGroup } from './grouping.js';
import { isTrained, type MethodInstance } from './method-instance.js';
import { scatterChart } from './report/charts.js';
import type { ChartSection, TableCell, TableSection } from './report/content.js';
import {
  COUNT_COLUMNS,
  countCells,
  ESTIMATES_NOTE,
  estimateCell,
  estimateColumn,
} from './report/estimates.js';
import type { Results } from './results.js';
import { type Summary, summarise } from './summary.js';
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
        `${sizeOf(config)} examples, ${config.draws} draws, training seeds ${config.seeds.join(', ')}. Changes are those of the same queries from the same supports. ${ESTIMATES_NOTE}`,
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

function answers(
  { config }: Setup,
  results: Results,
  instances: readonly MethodInstance[],
  tasks: readonly TestTask[],
  protocol: Protocol,
): Answers {
  return protocol === 'boxes'
    ? results.boxes(instances, tasks)
    : results.support(instances, tasks, { n: sizeOf(config), draws: config.draws });
}

/** What a method's models gained and lost, query by query, against the reference on the same supports. */
function change(
  setup: Setup,
  results: Results,
  instances: readonly MethodInstance[],
  protocol: Protocol,
): { readonly gained: Summary; readonly lost: Summary } {
  const before = setup.instances.filter(({ method }) => method === setup.config.reference);
  const of = (tasks: readonly TestTask[], sign: 1 | -1): Summary =>
    summarise(
      changes(
        answers(setup, results, instances, tasks, protocol),
        answers(setup, results, before, tasks, protocol),
        sign,
      ),
    );
  return { gained: of(setup.test, 1), lost: of(setup.held, -1) };
}

/** All methods but the reference. */
function adapted({ config, instances }: Setup): MethodGroup[] {
  return byMethod(instances).filter(({ method }) => method !== config.reference);
}

function chart(setup: Setup, results: Results, protocol: Protocol, name: string): ChartSection {
  const rows = adapted(setup).flatMap(({ label, instances }) => {
    const point = (own: readonly MethodInstance[], kind: string) => {
      const { gained, lost } = change(setup, results, own, protocol);
      if (Number.isNaN(gained.mean + lost.mean)) return [];
      return [{ series: label, kind, x: lost.mean, y: gained.mean }];
    };
    return [...instances.flatMap((instance) => point([instance], 'seed')), ...point(instances, 'mean')];
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
  const rows = byMethod(setup.instances).map(({ method, label, instances }): TableCell[] => {
    const there = summarise(answers(setup, results, instances, setup.test, protocol));
    const elsewhere = summarise(answers(setup, results, instances, setup.held, protocol));
    const changed = method === setup.config.reference ? null : change(setup, results, instances, protocol);
    const record = instances.map((instance) => results.training(instance)).find(Boolean);
    return [
      label,
      record?.trainableParameters ?? 0,
      record?.adapterParameters ?? 0,
      ...countCells(there),
      estimateCell(there),
      changed === null ? null : estimateCell(changed.gained),
      elsewhere.queries,
      elsewhere.subjects,
      estimateCell(elsewhere),
      changed === null ? null : estimateCell(changed.lost),
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
      ...COUNT_COLUMNS,
      estimateColumn('Dice where adapted'),
      estimateColumn('gained'),
      'queries elsewhere',
      'subjects elsewhere',
      estimateColumn('Dice elsewhere'),
      estimateColumn('lost'),
    ],
    rows,
  };
}
