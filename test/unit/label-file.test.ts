import path from 'node:path';
import t from 'tap';
import { readLabelFile } from '../../lib/cli/label-file.js';

t.test('label names from the tables that people have', async (t) => {
  const root = t.testdir({
    'colours.txt': [
      '#No. Label Name:                R   G   B   A',
      '0   Unknown                     0   0   0   0',
      '2   Left-Cerebral-White-Matter  245 245 245 0',
      '251  CC_Posterior               0   0   64  0',
      '1001 ctx-lh-bankssts            25  100 40  0',
    ].join('\n'),
    'dseg.tsv': 'index\tname\n1\tGray Matter\n2\tWhite Matter\n',
    'list.csv': '1,"left kidney"\n2,liver\n',
    'dataset.json': '{"labels": {"background": 0, "liver": 1, "tumour": 2}}',
    'plain.json': '{"1": "liver", "2": "tumour"}',
    'bad.json': '{',
    'empty.txt': 'nothing here\n',
  });
  const read = (name: string) => [...readLabelFile(path.join(root, name))];
  t.same(read('colours.txt'), [
    [2, 'Left-Cerebral-White-Matter'],
    [251, 'CC_Posterior'],
  ]);
  t.same(read('dseg.tsv'), [
    [1, 'Gray Matter'],
    [2, 'White Matter'],
  ]);
  t.same(read('list.csv'), [
    [1, 'left kidney'],
    [2, 'liver'],
  ]);
  for (const name of ['dataset.json', 'plain.json'])
    t.same(read(name), [
      [1, 'liver'],
      [2, 'tumour'],
    ]);
  for (const [name, message] of [
    ['bad.json', /bad\.json/],
    ['empty.txt', /no line names a value/],
    ['absent', /ENOENT/],
  ] as const)
    t.throws(() => read(name), { message });
});
