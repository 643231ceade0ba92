import { compareMethods } from './comparisons.js';
import { boxUnits, type Experiment, type Setup, supportUnits } from './experiment.js';
import { byDataSet, byMethod, dataSetsAndAll } from './grouping.js';
import { barChart, spread } from './report/charts.js';
import { comparisonTable } from './report/comparison-table.js';
import type { ChartSection, TableCell, TableSection } from './report/content.js';
import {
  best,
  COUNT_COLUMNS,
  countCells,
  ESTIMATES_NOTE,
  estimateCell,
  estimateColumn,
} from './report/estimates.js';
import { predictionSheets } from './report/sheets.js';
import type { Results } from './results.js';
import { METRICS } from './score-mask.js';
import { summarise } from './summary.js';

/** Methods x data sets: from supports, and beside it, never in one column with it, from boxes round the truth. */
export const table2: Experiment = {
  name: 'table2',
  title: 'Methods and data sets',
  units: (setup) => [...supportUnits(setup, setup.test), ...boxUnits(setup, setup.test)],
  async report(setup, results) {
    const { config, instances, test } = setup;
    const most = Math.max(...config.supports);
    const comparisons = config.supports.map((n) => compareMethods(setup, results, n));
    return {
      lead:
        `Tasks defined by ${config.supports.join(', ')} examples of the split "train" and asked of up to ${config.queries} ` +
        'images of the split "test", the same examples and queries for every method. Mean over images, subjects, tasks ' +
        `and, in the last rows, data sets. ${ESTIMATES_NOTE} ASSD is in millimetres where spacings are known, else in pixels; ` +
        'data sets of different units have no common mean. "boxes" is no result on examples: the model is prompted with boxes taken from the ' +
        'truth, which says how well it outlines what it is pointed at.',
      sections: [
        ...config.supports.map((n) => table(setup, results, n)),
        ...comparisons.flatMap((own, at) => comparisonTable(own, `comparisons-n${config.supports[at]}`)),
        chart(setup, results, most),
        ...(await predictionSheets(instances, test, results, most)),
      ],
      comparisons: comparisons.flat(),
    };
  },
};

function table({ config, instances, test }: Setup, results: Results, n: number): TableSection {
  const methods = byMethod(instances);
  const rows = dataSetsAndAll(test).flatMap(({ name, tasks }) => {
    const answers = methods.map(({ instances: own }) =>
      results.support(own, tasks, { n, draws: config.draws }),
    );
    const summaries = METRICS.map((metric) => answers.map((each) => summarise(each, metric)));
    return methods.map(({ label, instances: own }, at): TableCell[] => {
      const boxes = results.boxes(own, tasks);
      return [
        name,
        label,
        ...countCells(summaries[0]![at]!),
        ...METRICS.map((metric, column) => {
          const all = summaries[column]!;
          return estimateCell(all[at]!, { ...metric, strong: best(all, metric.better) === at });
        }),
        ...METRICS.map((metric) => estimateCell(summarise(boxes, metric), metric)),
        summaries[0]![at]!.unit,
      ];
    });
  });
  const names = METRICS.map(({ name }) => name);
  return {
    kind: 'table',
    name: `table-n${n}`,
    title: `${n} ${n === 1 ? 'example' : 'examples'}`,
    columns: [
      'data set',
      'method',
      ...COUNT_COLUMNS,
      ...names.map(estimateColumn),
      ...names.map((name) => estimateColumn(`boxes: ${name}`)),
      'ASSD in',
    ],
    rows,
  };
}

function chart({ config, instances, test }: Setup, results: Results, n: number): ChartSection {
  const rows = byDataSet(test).flatMap(({ name, tasks }) =>
    byMethod(instances).map(({ label, instances: own }) => ({
      group: name,
      series: label,
      ...spread(summarise(results.support(own, tasks, { n, draws: config.draws }))),
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
