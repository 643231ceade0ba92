import { type Experiment, type Setup, supportUnits } from './experiment.js';
import { byMethod } from './grouping.js';
import { lineChart, spread } from './report/charts.js';
import type { ChartSection, TableSection } from './report/content.js';
import { estimateCell, estimateColumn } from './report/estimates.js';
import type { Results } from './results.js';
import { type Summary, summarise } from './summary.js';

/** Few examples: how good, and how much by chance, a task is with n of them. No ensembles. */
export const figure7: Experiment = {
  name: 'figure7',
  title: 'Limited examples',
  units: (setup) => supportUnits(setup, setup.test),
  async report(setup, results) {
    const { config, test } = setup;
    const most = Math.max(...test.map(({ pool }) => pool.length));
    return {
      lead:
        `${config.draws} random subsets of each size n of the examples, one prediction each, no ensembles. The pool holds ${most} ` +
        `images; a size that is not smaller takes all of them, which leaves no chance and no variance. Bands and ±: one standard deviation ` +
        'between subsets; brackets: 95 % interval of a bootstrap over subjects.',
      sections: [chart(setup, results), table(setup, results)],
    };
  },
};

function at({ config, test }: Setup, results: Results, own: Setup['instances'], n: number): Summary {
  return summarise(results.support(own, test, { n, draws: config.draws }));
}

function chart(setup: Setup, results: Results): ChartSection {
  const rows = byMethod(setup.instances).flatMap(({ label, instances }) =>
    setup.config.supports.map((n) => ({
      x: n,
      series: label,
      ...spread(at(setup, results, instances, n)),
    })),
  );
  return {
    kind: 'chart',
    name: 'examples',
    title: 'Dice by the number of examples',
    rows,
    spec: lineChart('examples', 'Dice', { counts: setup.config.supports }),
  };
}

function table(setup: Setup, results: Results): TableSection {
  const rows = byMethod(setup.instances).flatMap(({ label, instances }) =>
    setup.config.supports.map((n) => {
      const summary = at(setup, results, instances, n);
      const { std, values, queries, subjects, seeds } = summary;
      const number = (value: number, digits: number) => ({ text: value.toFixed(digits), value });
      const counts = [queries, subjects, values.length, seeds];
      if (values.length === 0) return [label, n, ...counts, null, null, null, null];
      return [
        label,
        n,
        ...counts,
        estimateCell(summary),
        number(std ** 2, 5),
        number(Math.min(...values), 3),
        number(Math.max(...values), 3),
      ];
    }),
  );
  return {
    kind: 'table',
    name: 'examples-table',
    title: 'In numbers',
    columns: [
      'method',
      'n',
      'queries',
      'subjects',
      'subsets',
      'seeds',
      estimateColumn('mean Dice'),
      'variance',
      'lowest',
      'highest',
    ],
    rows,
  };
}
