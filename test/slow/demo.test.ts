import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { readImage } from '../../lib/image/index.js';
import { gmiseg } from '../helpers/cli.js';
import { writeNnunet } from '../helpers/tiny-dataset.js';

t.test('demo: shapes, training, scores, picture; a second demo replaces the first', async (t) => {
  const out = path.join(t.testdir(), 'demo-out');
  const first = await gmiseg(['demo', '--out', out, '--seconds', '8', '--json']);
  t.match(first, { code: 0, stderr: '' });
  const result = JSON.parse(first.stdout.trim().split('\n').at(-1) ?? '');
  t.match(result, { picture: path.join(out, 'demo.png'), model: path.join(out, 'run', 'model.safetensors') });
  t.same(result.scores.map(({ group }: { group: string }) => group).sort(), [
    'all',
    'blob',
    'ellipse',
    'ring',
  ]);
  t.same((await readdir(out)).sort(), ['demo.png', 'run', 'store']);
  t.ok((await readImage(path.join(out, 'demo.png'))).width > 800);
  const again = await gmiseg(['demo', '--out', out, '--seconds', '3']);
  t.match(again, { code: 0, stdout: /Dice against the truth[\s\S]*gmiseg predict --model/ });
});

t.test('demo on volumes of one’s own; a folder that holds other things is left alone', async (t) => {
  const root = t.testdir();
  await writeNnunet(path.join(root, 'mine'), { patients: 6 });
  const out = path.join(root, 'out');
  const done = await gmiseg(['demo', '--data', path.join(root, 'mine'), '--out', out, '--seconds', '3']);
  t.match(done, { code: 0, stdout: /\| cavity/ });
  const other = path.join(root, 'other');
  await mkdir(path.join(other, 'store'), { recursive: true });
  await writeFile(path.join(other, 'store', 'thesis.txt'), 'years of work');
  t.match(await gmiseg(['demo', '--out', other, '--seconds', '1']), { code: 1, stderr: /ERR_DATASET/ });
  t.ok((await stat(path.join(other, 'store', 'thesis.txt'))).size > 0);
});
