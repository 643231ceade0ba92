import type { Experiment } from './experiment.js';
import { predictionSheets } from './report/sheets.js';
import { supportUnit } from './unit.js';

/** Pictures: what each method makes of the same queries from the same examples. */
export const figure4: Experiment = {
  name: 'figure4',
  title: 'Predictions to look at',
  units: ({ config, instances, test }) =>
    instances.flatMap((instance) =>
      test.map((task) =>
        supportUnit(instance, task, {
          n: Math.max(...config.supports),
          draw: 0,
          pictures: config.pictures,
        }),
      ),
    ),
  async report({ config, instances, test }, results) {
    const n = Math.max(...config.supports);
    return {
      lead:
        `The same ${config.pictures} queries of each task for every method, from the same ${n} examples. ` +
        'The queries are spread evenly over the data set; nobody has chosen them.',
      sections: await predictionSheets(instances, test, results, n),
    };
  },
};
