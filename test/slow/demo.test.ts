import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { readImage } from '../../lib/image/index.js';
import { gmiseg } from '../helpers/cli.js';
import { writeNnunet } from '../helpers/tiny-dataset.js';

t.test('demo: tasks by examples, scores, picture; the commands it ends with work', async (t) => {
  const out = path.join(t.testdir(), 'demo-out');
  const first = await gmiseg(['demo', '--out', out, '--json']);
  t.match(first, { code: 0, stderr: '' });
  const result = JSON.parse(first.stdout.trim().split('\n').at(-1) ?? '');
  t.match(result, { picture: path.join(out, 'demo.png') });
  t.equal(result.tasks.length, 3);
  for (const { dice, expected } of result.tasks) {
    t.equal(dice['from examples'].length, 6);
    t.ok(expected > 0 && expected <= 1);
  }
  const mean = (column: string): number => {
    const all: number[] = result.tasks.flatMap(
      ({ dice }: { dice: Record<string, number[]> }) => dice[column],
    );
    return all.reduce((sum, each) => sum + each, 0) / all.length;
  };
  t.ok(mean('from examples') > mean('nearest mask'), 'examples teach more than their nearest mask');
  t.ok(mean('from examples') > mean('threshold'), 'and more than a threshold');
  t.same((await readdir(out)).sort(), ['demo.png', 'support']);
  t.ok((await readImage(path.join(out, 'demo.png'))).width > 800);

  const [task] = await readdir(path.join(out, 'support'));
  const support = path.join(out, 'support', task!);
  t.match(await gmiseg(['task', 'check', '--support', support]), {
    code: 0,
    stdout: /to expect on new images/,
  });
  const masks = path.join(out, 'masks');
  const predicted = await gmiseg([
    'predict',
    '--support',
    support,
    '--image',
    path.join(support, 'new'),
    '--out',
    masks,
    '--overlay',
  ]);
  t.match(predicted, { code: 0 });
  t.equal((await readdir(masks)).length, 12);
});

t.test('demo on volumes of one’s own; a folder that holds other things is left alone', async (t) => {
  const root = t.testdir();
  await writeNnunet(path.join(root, 'mine'), { patients: 6 });
  const out = path.join(root, 'out');
  const done = await gmiseg(['demo', '--data', path.join(root, 'mine'), '--out', out]);
  t.match(done, { code: 0, stdout: /cavity/ });
  t.same((await readdir(path.join(out, 'support'))).sort(), ['cavity-2', 'wall-1']);
  const other = path.join(root, 'other');
  await mkdir(path.join(other, 'store'), { recursive: true });
  await writeFile(path.join(other, 'store', 'thesis.txt'), 'years of work');
  const refused = await gmiseg(['demo', '--data', path.join(root, 'mine'), '--out', other]);
  t.match(refused, { code: 1, stderr: /ERR_DATASET/ });
  t.same(await readdir(path.join(other, 'store')), ['thesis.txt']);
});
