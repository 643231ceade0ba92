import { boxUnits, type Experiment, type Setup, supportUnits } from './experiment.js';
import { byDataSet, byMethod } from './grouping.js';
import { barChart, spread } from './report/charts.js';
import type { ChartSection, TableCell, TableSection } from './report/content.js';
import { predictionSheets } from './report/sheets.js';
import { best, summaryCell } from './report/summary-cell.js';
import type { Results } from './results.js';
import { METRICS } from './score-mask.js';

/** Methods x data sets: from supports, and beside it, never in one column with it, from boxes round the truth. */
export const table2: Experiment = {
  name: 'table2',
  title: 'Methods and data sets',
  units: (setup) => [...supportUnits(setup, setup.test), ...boxUnits(setup, setup.test)],
  async report(setup, results) {
    const { config, instances, test } = setup;
    const most = Math.max(...config.supports);
    return {
      lead:
        `Tasks defined by ${config.supports.join(', ')} examples of the split "train" and asked of up to ${config.queries} ` +
        'images of the split "test", the same examples and queries for every method. Mean over images, subjects, tasks ' +
        `and, in the last rows, data sets; ± is the standard deviation between ${config.draws} draws of the support set ` +
        '(and seeds of a training). "boxes" is no result on examples: the model is prompted with boxes taken from the ' +
        'truth, which says how well it outlines what it is pointed at.',
      sections: [
        ...config.supports.map((n) => table(setup, results, n)),
        chart(setup, results, most),
        ...(await predictionSheets(instances, test, results, most)),
      ],
    };
  },
};

function table({ config, instances, test }: Setup, results: Results, n: number): TableSection {
  const methods = byMethod(instances);
  const sets = byDataSet(test);
  const groups = sets.length > 1 ? [...sets, { name: 'all', tasks: test }] : sets;
  const rows = groups.flatMap(({ name, tasks }) => {
    const summaries = METRICS.map(({ key }) =>
      methods.map((method) =>
        results.support(method.instances, tasks, { n, draws: config.draws, metric: key }),
      ),
    );
    return methods.map(({ label, instances: own }, at): TableCell[] => [
      name,
      label,
      ...METRICS.map((metric, column) => {
        const all = summaries[column]!;
        return summaryCell(all[at]!, { ...metric, strong: best(all, metric.better) === at });
      }),
      ...METRICS.map((metric) => summaryCell(results.boxes(own, tasks, metric.key), metric)),
    ]);
  });
  const names = METRICS.map(({ name }) => name);
  return {
    kind: 'table',
    name: `table-n${n}`,
    title: `${n} ${n === 1 ? 'example' : 'examples'}`,
    columns: ['data set', 'method', ...names, ...names.map((name) => `boxes: ${name}`)],
    rows,
  };
}

function chart({ config, instances, test }: Setup, results: Results, n: number): ChartSection {
  const rows = byDataSet(test).flatMap(({ name, tasks }) =>
    byMethod(instances).map(({ label, instances: own }) => ({
      group: name,
      series: label,
      ...spread(results.support(own, tasks, { n, draws: config.draws })),
    })),
  );
  return {
    kind: 'chart',
    name: 'dice',
    title: `Dice with ${n} ${n === 1 ? 'example' : 'examples'}`,
    rows,
    spec: barChart('data set', 'Dice'),
  };
}
