/** The package's own model on tasks that it has never seen: floors, well below what docs/results.md reports. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { SliceEntry } from '../../lib/dataset/slice-index.js';
import { SliceStore } from '../../lib/dataset/slice-store.js';
import { evenly } from '../../lib/evenly.js';
import { drawSupports, pixelsWith } from '../../lib/experiment/draws.js';
import { readSlice } from '../../lib/experiment/test-task.js';
import { overlap } from '../../lib/metrics.js';
import { Segmenter } from '../../lib/segmenter.js';
import { gmiseg } from '../helpers/cli.js';

const DATA = join(import.meta.dirname, '../../../shared/data');
const absent = existsSync(DATA) ? false : `no real images at ${DATA}`;
const [EXAMPLES, QUERIES] = [16, 6];

const CELLS = ['--layout', 'folders', '--labels', '128=cytoplasm,255=nucleus'];
const TASKS: {
  name: string;
  folder: string;
  args: string[];
  labels: number[];
  floor: number;
}[] = [
  { name: 'white blood cells', folder: 'wbc', args: CELLS, labels: [1, 2], floor: 0.82 },
  { name: 'their nuclei', folder: 'wbc', args: CELLS, labels: [2], floor: 0.92 },
  {
    name: 'left ventricle in the whole field, middle slices',
    folder: 'acdc',
    args: ['--layout', 'nnunet', '--policy', 'mid-object', '--axes', '2'],
    labels: [3],
    floor: 0.48,
  },
];

for (const { name, folder, args, labels, floor } of TASKS) {
  t.test(`${name}: Dice above ${floor}`, { skip: absent, timeout: 600_000 }, async (t) => {
    const out = join(t.testdir(), 'store');
    t.match(await gmiseg(['import', ...args, '--in', join(DATA, folder), '--out', out]), { code: 0 });
    t.ok((await dice(t, out, labels)) > floor);
  });
}

async function dice(t: Test, folder: string, labels: readonly number[]): Promise<number> {
  const store = await SliceStore.open(folder);
  t.teardown(() => store.close());
  const read = (entry: SliceEntry): ReturnType<typeof readSlice> => readSlice({ store, labels }, entry);
  const entries = store.slices.filter((entry) => pixelsWith(entry, labels) >= 20);
  const of = (split: string): SliceEntry[] => entries.filter((entry) => entry.split === split);
  const examples = await Promise.all(drawSupports(of('train'), EXAMPLES, { seed: 0, draw: 0 }).map(read));
  const queries = await Promise.all(evenly(of('test'), QUERIES).map(read));
  t.equal(queries.length, QUERIES);
  await using segmenter = await Segmenter.load({ device: 'cpu' });
  using task = await segmenter.defineTask(examples.map(({ image, mask }) => ({ image, mask })));
  let sum = 0;
  for (const { image, mask } of queries) {
    const { labels: found } = await task.predict(image);
    const { dice: one } = overlap(found, mask.data);
    sum += one / QUERIES;
  }
  t.comment(
    `Dice ${sum.toFixed(3)} of ${QUERIES}: ${task.info.choices.map(({ recipe }) => recipe).join('; ')}`,
  );
  return sum;
}
