import { GmisegError } from '../errors.js';
import { Random } from '../statistics/random.js';
import type { ExperimentConfig } from './config.js';
import { type Experiment, range, type Setup, supportUnits } from './experiment.js';
import { byMethod } from './grouping.js';
import { isPerTask, isTrained, methodInstances, trainedInstance } from './method-instance.js';
import { lineChart, spread } from './report/charts.js';
import type { ChartSection, TableSection } from './report/content.js';
import { COUNT_COLUMNS, countCells, estimateCell, estimateColumn } from './report/estimates.js';
import type { Results } from './results.js';
import { type Summary, summarise } from './summary.js';

/** How much the number of training data sets matters: random subsets of them, and no synthetic tasks. */
export const figure5: Experiment = {
  name: 'figure5',
  title: 'Share of the training data sets',
  check(config) {
    if (config.train.length === 0 || !Object.values(config.methods).some(isTrained)) {
      throw new GmisegError(
        'ERR_INVALID_ARG',
        'figure5 trains on shares of the data sets in "train"; name some, and a method of kind "trained".',
      );
    }
  },
  instances: (config) =>
    Object.entries(config.methods).flatMap(([key, method]) =>
      isTrained(method) && !isPerTask(method)
        ? plans(config).map(({ sets, subset, data }) =>
            trainedInstance(config, key, {
              seed: (config.seeds[0] ?? 0) + subset,
              data,
              name: nameOf(sets, subset),
              options: method.train.episodes === true ? { syntheticShare: 0 } : {},
            }),
          )
        : methodInstances({ ...config, methods: { [key]: method } }),
    ),
  units: (setup) => supportUnits(setup, setup.test, { sizes: [Math.max(...setup.config.supports)] }),
  async report(setup, results) {
    const { config } = setup;
    return {
      lead:
        `Each method trained on random subsets of the ${config.train.length} training data sets, ${config.subsets} of each ` +
        `share, without synthetic tasks, and asked for the test tasks with ${Math.max(...config.supports)} examples. ± and bands are the ` +
        'standard deviation between subsets (each with a seed of its own, counted as seeds) and draws, brackets hold the 95 % ' +
        'interval of a bootstrap over subjects.',
      sections: [chart(setup, results), table(setup, results)],
    };
  },
};

interface Plan {
  readonly sets: number;
  readonly subset: number;
  readonly data: readonly string[];
}

/** Subsets with the same number are nested: a larger one holds the smaller ones. */
function plans({ train, shares, subsets, seed }: ExperimentConfig): Plan[] {
  const sizes = [...new Set(shares.map((share) => setsOf(share, train)))];
  return sizes.flatMap((sets) =>
    range(subsets).map((subset) => {
      const drawn = new Random(1000 * (seed + 1) + subset).shuffle(train).slice(0, sets);
      return { sets, subset, data: train.filter((name) => drawn.includes(name)) };
    }),
  );
}

function setsOf(share: number, train: readonly string[]): number {
  return Math.max(1, Math.round(share * train.length));
}

function nameOf(sets: number, subset: number): string {
  return `sets${sets}.${subset}`;
}

interface Point {
  readonly series: string;
  readonly share: number;
  readonly sets: number;
  readonly summary: Summary;
}

function points({ config, instances, test }: Setup, results: Results): Point[] {
  const selection = { n: Math.max(...config.supports), draws: config.draws };
  return byMethod(instances).flatMap(({ method, label, instances: own }) =>
    config.shares.map((share) => {
      const sets = setsOf(share, config.train);
      const names = range(config.subsets).map((subset) => `${method}.${nameOf(sets, subset)}`);
      const chosen = own.filter(
        ({ training, id }) => training === null || training.perTask || names.includes(id),
      );
      return { series: label, share, sets, summary: summarise(results.support(chosen, test, selection)) };
    }),
  );
}

function chart(setup: Setup, results: Results): ChartSection {
  return {
    kind: 'chart',
    name: 'share',
    title: 'Dice by share of the training data sets',
    rows: points(setup, results).map(({ series, share, summary }) => ({
      x: 100 * share,
      series,
      ...spread(summary),
    })),
    spec: lineChart('training data sets (%)', 'Dice'),
  };
}

function table(setup: Setup, results: Results): TableSection {
  return {
    kind: 'table',
    name: 'share-table',
    title: 'In numbers',
    columns: ['method', 'share', 'data sets', ...COUNT_COLUMNS, estimateColumn('Dice')],
    rows: points(setup, results).map(({ series, share, sets, summary }) => [
      series,
      share,
      sets,
      ...countCells(summary),
      estimateCell(summary),
    ]),
  };
}
