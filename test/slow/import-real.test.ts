/** Real datasets, as they are downloaded, become slice stores. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { importDataset } from '../../lib/dataset/import-dataset.js';
import { SliceStore } from '../../lib/dataset/slice-store.js';

const REAL = path.join(import.meta.dirname, '../../../shared/data');

for (const [name, labels] of [
  ['acdc', ['right ventricle', 'myocardium', 'left ventricle']],
  ['la2018', ['left atrium']],
  ['brats', ['necrosis', 'oedema', 'non-enhancing', 'enhancing']],
] as const) {
  const source = path.join(REAL, name);
  const skip = existsSync(source) ? false : `${source} is not there`;
  t.test(`real ${name}: a few cases`, { skip }, async (t) => {
    const summary = await importDataset({
      layout: 'nnunet',
      source,
      out: path.join(t.testdir(), name),
      limit: 2,
    });
    t.equal(summary.cases, 2);
    for (const label of summary.labels) t.ok((labels as readonly string[]).includes(label.name), label.name);
    const store = await SliceStore.open(summary.store);
    t.teardown(() => store.close());
    for (const entry of store.slices) {
      const { image, mask } = await store.read(entry);
      const [row, column] = entry.spacing ?? [0, 1];
      t.ok(Math.abs(row / column - 1) < 0.02, 'square pixels');
      t.ok(
        image.some((value) => value > 200) && image.some((value) => value < 50),
        'the grey values are spread',
      );
      const pixels = Object.values(entry.labels).reduce((a, b) => a + b, 0);
      t.ok(mask.filter((value) => value !== 0).length >= pixels);
    }
  });
}
