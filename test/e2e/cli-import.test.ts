import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { alike } from '../helpers/alike.js';
import { outcome } from '../helpers/child.js';
import { gmiseg, gmisegProcess, spawnGmiseg } from '../helpers/cli.js';
import { TINY_WEIGHTS } from '../helpers/models.js';
import { writeNnunet } from '../helpers/tiny-dataset.js';

t.test('help: every command has a description and an example', async (t) => {
  const { code, stdout } = await gmisegProcess(['--help']);
  t.equal(code, 0);
  t.match(stdout, /Exit status: 0 done, 1 failed, 2 wrong command line/);
  for (const command of [
    'demo',
    'info',
    'doctor',
    'import',
    'synth',
    'train',
    'predict',
    'evaluate',
    'convert',
  ]) {
    t.match(stdout, new RegExp(`^  ${command} `, 'm'));
    const help = await gmiseg([command, '--help']);
    t.equal(help.code, 0);
    t.match(help.stdout, new RegExp(`Example:\\n  gmiseg ${command}`));
    t.match(help.stdout, /--json/);
    t.equal(help.stderr, '');
  }
  const version = await gmiseg(['--version']);
  t.match(version, { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ });
});

t.test('a wrong command line: status 2, one line on stderr, nothing on stdout', async (t) => {
  const root = t.testdir();
  const image = ['predict', '--image', 'scan.png', '--out', root];
  const wrong: [args: string[], message: RegExp][] = [
    [['segment'], /unknown command 'segment'/],
    [['import', '--layout', 'nnunet'], /required option '--in <dir>'/],
    [
      ['import', '--layout', 'zarr', '--in', '.', '--out', root],
      /--layout zarr: use one of nnunet, decathlon, /,
    ],
    [
      ['import', '--layout', 'nnunet', '--in', '.', '--out', root, '--val-every', '1'],
      /--val-every 1: give 0 for none, or a whole number from 2/,
    ],
    [['doctor', '--colour'], /unknown option '--colour'/],
    [['train', '--out', root], /--data/],
    [['train', '--out', root, '--data', root], /--checkpoint/],
    [['train', '--out', root, '--data', path.join(root, 'nowhere')], /gmiseg import/],
    [
      ['train', '--out', root, '--data', root, '--config', 'tiny', '--adapter-kind', 'pooled', '--rank', '4'],
      /--rank/,
    ],
    [['train', '--out', root, '--data', root, '--config', 'tiny', '--train', 'head'], /"head" is none of/],
    [image, /Say what to segment/],
    [[...image, '--box', '1,2,3'], /--box 1,2,3/],
    [[...image, '--box', '1,2,3,4', '--box-from', 'truth.png'], /exclude one another/],
    [[...image, '--box', '1,2,3,4', '--label', '2'], /--label goes with --box-from/],
    [[...image, '--box', '1,2,3,4', '--device', 'tpu'], /--device tpu/],
    [[...image, '--support', 'examples', '--task', 'x.gmtask'], /--support and --task/],
    [[...image, '--task', 'heart.gmtask', '--ensemble', '3'], /--ensemble is settled when a task is defined/],
    [[...image, '--box', '1,2,3,4', '--ensemble', '3'], /--ensemble goes with examples/],
    [['convert', '--out', 'x.safetensors'], /--model/],
    [['convert', '--model', 'x.pth', '--out', 'x.bin'], /\.safetensors/],
  ];
  for (const [args, message] of wrong) {
    const result = await gmiseg(args);
    t.match(result, { code: 2, stdout: '', stderr: message }, args.join(' '));
    t.notMatch(result.stderr, /\n {4}at /, 'no stack');
  }
  t.match(await gmisegProcess(['segment']), { code: 2, stdout: '', stderr: /unknown command/ });
});

t.test('a failure: status 1, message and code; JSON and stack on demand', async (t) => {
  const root = t.testdir();
  const args = [
    'import',
    '--layout',
    'nnunet',
    '--in',
    path.join(root, 'nowhere'),
    '--out',
    path.join(root, 'store'),
  ];
  const plain = await gmiseg(args);
  t.match(plain, { code: 1, stdout: '', stderr: /^gmiseg: Cannot read .*dataset\.json.*\(ERR_DATASET\)\n$/ });
  const machine = await gmiseg([...args, '--json']);
  t.equal(machine.code, 1);
  t.match(JSON.parse(machine.stderr), { error: { code: 'ERR_DATASET', message: /dataset\.json/ } });
  const debug = await gmisegProcess(args, { GMISEG_DEBUG: '1' });
  t.match(debug.stderr, /\n {4}at .*openNnunet/);
  t.match(debug.stderr, /Caused by: .*ENOENT/);
});

t.test('import: a report for people and one for machines', async (t) => {
  const root = t.testdir();
  await writeNnunet(path.join(root, 'Dataset001_Heart'), { patients: 3 });
  const args = ['import', '--layout', 'nnunet', '--in', path.join(root, 'Dataset001_Heart')];
  const plain = await gmiseg([...args, '--out', path.join(root, 'one')]);
  t.match(plain, { code: 0, stderr: '', stdout: /18 slices of 6 cases \(dataset "Dataset001_Heart"\)/ });
  t.match(plain.stdout, /Next: gmiseg train --data/);
  const machine = await gmiseg([
    ...[
      ...args,
      '--out',
      path.join(root, 'two'),
      '--json',
      '--axes',
      '2',
      '--policy',
      'all',
      '--window',
      '0,1700',
    ],
    ...['--dataset-name', 'heart', '--val-every', '0', '--min-area', '300'],
  ]);
  t.match(machine, { code: 0, stderr: '' });
  const summary = JSON.parse(machine.stdout);
  t.match(summary, {
    dataset: 'heart',
    cases: 6,
    slices: 6 * 4,
    splits: { val: { subjects: 0 }, test: { subjects: 1 } },
  });
  const index = JSON.parse(await readFile(path.join(root, 'two', 'index.json'), 'utf8'));
  t.match(index.provenance.command, /^gmiseg import --layout nnunet .*--min-area 300$/);
  t.match(index.provenance.options, { policy: 'all', axes: [2], minArea: 300, window: [0, 1700] });
  const more = await gmiseg([
    ...[...args, '--out', path.join(root, 'three'), '--json', '--channel', '0', '--no-square'],
    ...['--limit', '4', '--split', 'random', '--test-share', '0.5', '--seed', '3', '--orient', 'RAS'],
  ]);
  t.match(JSON.parse(more.stdout), { cases: 4 });
  const { provenance } = JSON.parse(await readFile(path.join(root, 'three', 'index.json'), 'utf8'));
  t.match(provenance.options, {
    channel: 0,
    squarePixels: false,
    orientation: 'RAS',
    split: { rule: 'random', testShare: 0.5, seed: 3 },
  });
});

t.test('Ctrl-C: the import stops and leaves nothing behind', async (t) => {
  const root = t.testdir();
  const source = path.join(root, 'many');
  await writeNnunet(source, { patients: 10, shape: [96, 96, 24] });
  const common = ['import', '--layout', 'nnunet', '--in', source, '--policy', 'all'];
  const child = spawnGmiseg([...common, '--out', path.join(root, 'store')]);
  const ended = outcome(child);
  // The temporary folder shows that it is at work.
  while (!(await readdir(root)).some((name) => name === 'store.partial') && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  child.kill('SIGINT');
  const { code, stderr } = await ended;
  t.equal(code, 1);
  t.match(stderr, /Stopped by the user. \(ERR_ABORTED\)/);
  t.same(await readdir(root), ['many']);
});

t.test('import with reading threads: the same store as without', async (t) => {
  const root = t.testdir();
  const source = path.join(root, 'data');
  await writeNnunet(source, { patients: 5 });
  const stores: string[][] = [];
  for (const workers of ['0', '2']) {
    const out = path.join(root, `store-${workers}`);
    const args = ['import', '--layout', 'nnunet', '--in', source, '--out', out, '--workers', workers];
    const result = await gmisegProcess([...args, '--policy', 'all', '--json']);
    t.match(result, { code: 0, stderr: '' });
    const index = JSON.parse(await readFile(path.join(out, 'index.json'), 'utf8'));
    stores.push([
      JSON.stringify(index.slices),
      JSON.stringify(index.provenance.subjects),
      (await readFile(path.join(out, 'slices-000.safetensors'))).toString('latin1'),
    ]);
  }
  alike(t, stores[0], stores[1]);
  // A fault in a thread arrives as the same typed error.
  await writeFile(path.join(source, 'labelsTr/patient004_frame01.nii.gz'), 'no volume');
  const args = ['import', '--layout', 'nnunet', '--in', source, '--out', path.join(root, 'broken')];
  const broken = await gmisegProcess([...args, '--workers', '2', '--json']);
  t.equal(broken.code, 1);
  t.match(JSON.parse(broken.stderr), {
    error: { code: 'ERR_IMAGE_FORMAT', message: /patient004_frame01/, details: { format: 'unknown' } },
  });
  t.same((await readdir(root)).sort(), ['data', 'store-0', 'store-2']);
});

t.test('demo: too few subjects are refused before a model is loaded', async (t) => {
  const root = t.testdir();
  await writeNnunet(path.join(root, 'data'), { patients: 2 });
  const args = ['demo', '--data', path.join(root, 'data'), '--out', path.join(root, 'out')];
  t.match(await gmiseg([...args, '--model', TINY_WEIGHTS, '--device', 'cpu']), {
    code: 1,
    stderr: /too few subjects.*three subjects or more.*ERR_DATASET/,
  });
});
