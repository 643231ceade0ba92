/** `gmiseg synth`: a store that the trainer reads, and a sheet to look at. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { SliceStore } from '../../lib/dataset/slice-store.js';
import { synthesizeStore } from '../../lib/dataset/synthesize-store.js';
import { synthesize } from '../../lib/synthesize.js';
import { gmiseg } from '../helpers/cli.js';

const small = ['synth', '--tasks', '3', '--subjects', '6', '--size', '32', '--seed', '4'];

t.test('a task is a dataset with one label', async (t) => {
  const store = path.join(t.testdir(), 'store');
  const { code, stdout, stderr } = await gmiseg([...small, '--first-task', '7', '--out', store, '--json']);
  t.equal(code, 0, stderr);
  const summary = JSON.parse(stdout);
  t.match(summary, { slices: 18, preview: null, tasks: [{ task: 7 }, { task: 8 }, { task: 9 }] });
  const slices = await SliceStore.open(store);
  t.teardown(() => slices.close());
  t.equal(new Set(slices.slices.map(({ dataset }) => dataset)).size, 3);
  for (const { dataset, task, target, border } of summary.tasks) {
    t.match(dataset, /^synth-[a-z-]+-4-00000[789]$/);
    t.equal(slices.labelName(dataset, 1), border ? `border of ${target}` : target);
    const own = slices.slices.filter((slice) => slice.dataset === dataset);
    t.same(
      own.map(({ split }) => split),
      ['train', 'train', 'test', 'train', 'train', 'test'],
    );
    const painted = await synthesize({ seed: 4, task, size: 32, count: 6 });
    for (const [i, slice] of own.entries()) {
      const { image, mask } = await slices.read(slice);
      t.same(image, painted.subjects[i]!.image);
      t.same(mask, painted.subjects[i]!.mask);
      t.same(slice.labels, { 1: mask.reduce((sum, value) => sum + value, 0) });
    }
  }
});

t.test('a preview, with and without a store', async (t) => {
  const root = t.testdir();
  const sheet = path.join(root, 'sheet.png');
  const alone = await gmiseg([...small, '--preview', sheet]);
  t.match(alone, { code: 0, stdout: /tasks by family/ });
  const picture = await readFile(sheet);
  t.equal(picture.subarray(1, 4).toString(), 'PNG');
  t.same(await readdir(root), ['sheet.png']);
  const both = await gmiseg([
    ...small,
    '--split',
    'none',
    '--val-every',
    '0',
    '--out',
    path.join(root, 'store'),
    '--preview',
    sheet,
  ]);
  t.equal(both.code, 0, both.stderr);
  t.same(await readFile(sheet), picture, 'the same sheet');
  const index = JSON.parse(await readFile(path.join(root, 'store/index.json'), 'utf8'));
  t.ok(index.slices.every(({ split }: { split: string }) => split === 'train'));
});

t.test('wrong command lines, and what is there already', async (t) => {
  const root = t.testdir({ store: { 'notes.txt': 'mine' } });
  const wrong: [args: string[], message: RegExp][] = [
    [[], /--out STORE, --preview FILE\.png, or both/],
    [['--out', 'x', '--size', '100'], /--size 100: give a multiple of 8 from 32 to 1024/],
    [['--out', 'x', '--size', '16'], /--size 16: give a whole number from 32 to 1024/],
    [['--out', 'x', '--split', 'random'], /--split random: use every-third-test or none/],
    [['--preview', 'x.jpg'], /--preview x\.jpg: the name must end in \.png/],
    [['--out', 'x', '--tasks', '0'], /--tasks 0/],
  ];
  for (const [args, message] of wrong)
    t.match(await gmiseg(['synth', ...args]), { code: 2, stdout: '', stderr: message }, args.join(' '));
  t.match(await gmiseg([...small, '--out', path.join(root, 'store')]), { code: 1, stderr: /--force/ });
});

t.test('an abort leaves nothing', async (t) => {
  const root = t.testdir();
  const controller = new AbortController();
  const made = synthesizeStore({
    out: path.join(root, 'store'),
    tasks: 50,
    subjects: 4,
    size: 32,
    seed: 1,
    signal: controller.signal,
    onProgress: ({ done }) => {
      if (done === 2) controller.abort(new Error('enough'));
    },
  });
  await t.rejects(made, { message: 'enough' });
  t.same(await readdir(root), []);
});
