import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { readLabelFile } from '../../lib/cli/label-file.js';
import {
  axes,
  collectBox,
  collectPoint,
  decimal,
  integer,
  intensityWindow,
  labelNames,
  oneAxis,
  size,
} from '../../lib/cli/parsers.js';
import { buildProgram } from '../../lib/cli/program.js';
import { duration, Progress } from '../../lib/cli/progress.js';
import { objectsOf, readPromptFile } from '../../lib/cli/prompt-plan.js';
import { resolveModel } from '../../lib/cli/resolve-model.js';
import { planResults } from '../../lib/cli/result-paths.js';
import { processShell } from '../../lib/cli/shell.js';
import { baseName } from '../../lib/image/base-name.js';
import { runBase } from '../../lib/run-folder/model-source.js';
import { readRunSource, runSource, writeRunSource } from '../../lib/run-folder/run-files.js';
import { gmiseg } from '../helpers/cli.js';
import { pairOf, put } from '../helpers/layout-files.js';
import { niftiBytes } from '../helpers/tiny-dataset.js';

const usage = { code: 'ERR_INVALID_ARG' };

t.test('points, boxes, axes, windows, labels', async (t) => {
  t.same(collectPoint('3,4.5', [{ x: 1, y: 1, label: 0 }]), [
    { x: 1, y: 1, label: 0 },
    { x: 3, y: 4.5, label: 1 },
  ]);
  t.same(collectPoint('3,4,0'), [{ x: 3, y: 4, label: 0 }]);
  for (const wrong of ['3', '3,4,2', '3,4,1,1', 'a,b', '3,', ''])
    t.throws(() => collectPoint(wrong), usage, wrong);
  t.same(collectBox('1,2,3,4', [[0, 0, 9, 9]]), [
    [0, 0, 9, 9],
    [1, 2, 3, 4],
  ]);
  for (const wrong of ['1,2,3', '3,2,1,4', '1,4,3,4', '1,2,3,x'])
    t.throws(() => collectBox(wrong), usage, wrong);
  t.same(axes('2,0,2'), [0, 2]);
  t.same(axes('k'), [2]);
  t.throws(() => axes('3'), usage);
  t.throws(() => axes(''), usage);
  t.equal(oneAxis('j'), 1);
  t.throws(() => oneAxis('0,1'), usage);
  t.same(intensityWindow('-160,240'), [-160, 240]);
  t.equal(intensityWindow('lung'), 'lung');
  t.throws(() => intensityWindow('240,-160'), usage);
  t.throws(() => intensityWindow('toString'), usage);
  t.same(
    [...labelNames('128=cytoplasm,255=cell nucleus')],
    [
      [128, 'cytoplasm'],
      [255, 'cell nucleus'],
    ],
  );
  t.throws(() => labelNames('0=background'), usage);
  t.equal(size('--memory')('8GiB'), 8 * 2 ** 30);
  t.equal(size('--memory')(' 1.5 mb '), 1.5e6);
  for (const wrong of ['8', 'GiB', '-1GB', '8TB', '']) t.throws(() => size('--memory')(wrong), usage, wrong);
  t.equal(integer('--n', 0)('7'), 7);
  for (const wrong of ['7.5', '-1', 'x', '', '1e400']) t.throws(() => integer('--n', 0)(wrong), usage, wrong);
  t.throws(() => decimal('--n', 0, 1)('1.5'), { message: /--n 1.5: give a number from 0 to 1/ });
});

t.test('prompt files', async (t) => {
  const root = t.testdir({
    'ok.json': JSON.stringify({
      slices: {
        4: { boxes: [[1, 2, 3, 4]], points: [[5, 6], [7, 8, 0], { x: 9, y: 9 }] },
        5: { box: [0, 0, 2, 2] },
      },
      images: { scan: { points: [[1, 1]] } },
    }),
    'bad.json': '{"slices": {"4": {"boxes": [[1, 2, 3]]}}}',
    'typo.json': '{"slice": {}}',
    'broken.json': '{',
  });
  const { slices, images } = await readPromptFile(path.join(root, 'ok.json'));
  t.same(slices.get(4), {
    boxes: [[1, 2, 3, 4]],
    points: [
      { x: 5, y: 6, label: 1 },
      { x: 7, y: 8, label: 0 },
      { x: 9, y: 9, label: 1 },
    ],
  });
  t.same(slices.get(5), { boxes: [[0, 0, 2, 2]], points: [] });
  t.ok(images.has('scan'));
  await t.rejects(readPromptFile(path.join(root, 'bad.json')), { ...usage, message: /slices/ });
  await t.rejects(readPromptFile(path.join(root, 'typo.json')), usage);
  await t.rejects(readPromptFile(path.join(root, 'broken.json')), { ...usage, message: /not valid JSON/ });
  await t.rejects(readPromptFile(path.join(root, 'none.json')), { code: 'ERR_IO' });
});

t.test('every box is an object, points belong to the only one', async (t) => {
  const point = { x: 1, y: 1, label: 1 as const };
  t.same(objectsOf({ points: [], boxes: [] }), []);
  t.same(objectsOf({ points: [point, point], boxes: [] }), [{ points: [point, point] }]);
  t.same(objectsOf({ points: [point], boxes: [[0, 0, 1, 1]] }), [{ points: [point], box: [0, 0, 1, 1] }]);
  t.equal(
    objectsOf({
      points: [],
      boxes: [
        [0, 0, 1, 1],
        [2, 2, 3, 3],
      ],
    }).length,
    2,
  );
  t.throws(
    () =>
      objectsOf({
        points: [point],
        boxes: [
          [0, 0, 1, 1],
          [2, 2, 3, 3],
        ],
      }),
    usage,
  );
});

t.test('results keep base names and never replace an input', async (t) => {
  const root = t.testdir();
  const pictures = path.join(root, 'in');
  await mkdir(pictures);
  const pgm = Buffer.from('P5\n1 1\n255\n\x00', 'latin1');
  await writeFile(path.join(pictures, 'a.b.pgm'), pgm);
  await writeFile(path.join(pictures, 'scan.nii'), niftiBytes(new Uint8Array(8), [2, 2, 2]));
  await writeFile(path.join(pictures, 'notes.txt'), 'hello');
  await writeFile(path.join(pictures, '.hidden'), pgm);
  for (const [file, base] of [
    ['x/scan.nii.gz', 'scan'],
    ['x/a.b.pgm', 'a.b'],
    ['im0001.ppm.gz', 'im0001'],
    ['x/case1.npy.h5', 'case1'],
    ['x/1.2.840.113.2', '1.2.840.113.2'],
    ['1.2.840.113.2/', '1.2.840.113.2'],
    ['.', path.basename(process.cwd())],
    ['.png', '.png'],
  ] as const)
    t.equal(baseName(file), base, file);
  const { items, skipped } = await planResults(pictures, path.join(root, 'out'));
  t.match(items, [
    { base: 'a.b', isVolume: false, out: path.join(root, 'out', 'a.b.png') },
    { base: 'scan', isVolume: true, out: path.join(root, 'out', 'scan.nii') },
  ]);
  t.same(skipped, [path.join(pictures, 'notes.txt')]);
  const others = path.join(root, 'others');
  const volume = niftiBytes(new Uint8Array(8), [2, 2, 2]);
  const [pair, old] = [pairOf(volume), pairOf(volume, { analyze: true })];
  for (const [name, bytes] of [
    ['array.npy', '\x93NUMPY'],
    ['old.hdr', old.hdr],
    ['old.img', old.img],
    ['pointer.png', 'version https://git-lfs.github.com/spec/v1\n'],
  ] as const)
    await put(path.join(others, name), typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  await t.rejects(planResults(others, path.join(root, 'out')), {
    code: 'ERR_IMAGE_NOT_FOUND',
    message: /no picture and no volume\. .*array\.npy is a NumPy array; save it/,
  });
  await put(path.join(others, 'scan.hdr'), pair.hdr);
  await put(path.join(others, 'scan.img'), pair.img);
  const readable = await planResults(others, path.join(root, 'out'));
  t.match(readable.items, [{ base: 'scan', input: path.join(others, 'scan.hdr'), isVolume: true }]);
  t.equal(readable.items.length, 1);
  t.same(
    readable.skipped.map((file) => path.basename(file)),
    ['array.npy', 'old.hdr', 'pointer.png'],
  );
  const one = await planResults(path.join(pictures, 'scan.nii'), path.join(root, 'mask.nii.gz'));
  t.match(one.items, [{ out: path.join(root, 'mask.nii.gz'), overlay: path.join(root, 'mask_overlay.png') }]);
  await t.rejects(planResults(path.join(pictures, 'scan.nii'), path.join(root, 'mask.png')), usage);
  await t.rejects(planResults(path.join(pictures, 'scan.nii'), pictures), {
    ...usage,
    message: /is an input/,
  });
  await writeFile(path.join(pictures, 'a.b.ppm'), pgm);
  await t.rejects(planResults(pictures, path.join(root, 'out')), {
    ...usage,
    message: /would both be written/,
  });
  await t.rejects(planResults(path.join(root, 'nowhere'), root), { code: 'ERR_IMAGE_NOT_FOUND' });
  t.same(await readdir(root), ['in', 'others'], 'planning writes nothing');
});

t.test('--model: a file, a Hugging Face folder, a run of all weights, a run of an adapter', async (t) => {
  const root = t.testdir({
    'model.pth': '',
    hf: { 'model.safetensors': '', 'config.json': '{}' },
    whole: { 'metrics.jsonl': '', 'model.safetensors': '', 'config.json': '{}' },
    early: { 'metrics.jsonl': '' },
    lost: { 'metrics.jsonl': '', 'adapter.safetensors': '' },
    adapter: {
      'metrics.jsonl': '',
      'adapter.safetensors': '',
      'config.json': JSON.stringify({ options: { steps: 3 }, model: { embed_dim: 64 } }),
    },
  });
  const at = (name: string): string => path.join(root, name);
  t.same(await resolveModel({}), {});
  t.same(await resolveModel({ model: at('model.pth'), config: 'vit_b' }), {
    checkpoint: at('model.pth'),
    config: 'vit_b',
  });
  t.same(await resolveModel({ model: at('hf') }), { checkpoint: at('hf') });
  t.same(await resolveModel({ model: at('whole') }), { checkpoint: at('whole/model.safetensors') });
  await t.rejects(resolveModel({ model: at('early') }), {
    code: 'ERR_CHECKPOINT_NOT_FOUND',
    message: /--resume/,
  });
  await t.rejects(resolveModel({ model: at('lost') }), {
    code: 'ERR_CHECKPOINT_NOT_FOUND',
    message: /--adapter/,
  });
  await t.rejects(resolveModel({ model: at('none') }), { code: 'ERR_CHECKPOINT_NOT_FOUND' });
  await writeRunSource(at('adapter'), runSource({ seed: 5 }, null));
  t.same(await readRunSource(at('adapter')), { checkpoint: null, adapter: null, seed: 5 });
  const adapter = at('adapter/adapter.safetensors');
  t.same(await resolveModel({ model: at('adapter') }), { config: { embed_dim: 64 }, seed: 5, adapter });
  await writeRunSource(at('adapter'), runSource({}, at('model.pth')));
  t.same(await resolveModel({ model: at('adapter') }), { checkpoint: at('model.pth'), adapter });
  t.same(await runBase(at('adapter')), { checkpoint: at('model.pth') });
  const shaped = { config: 'sizes.json', imageSize: 128 };
  await writeRunSource(at('adapter'), runSource(shaped, at('model.pth')));
  t.same(await runBase(at('adapter')), {
    checkpoint: at('model.pth'),
    config: path.resolve('sizes.json'),
    imageSize: 128,
  });
  await writeRunSource(at('adapter'), runSource({ config: 'vit_b' }, at('model.pth')));
  t.same(await runBase(at('adapter')), { checkpoint: at('model.pth'), config: 'vit_b' });
  await writeFile(at('adapter/source.json'), '{"checkpoint": 3}');
  await t.rejects(runBase(at('adapter')), { code: 'ERR_CHECKPOINT_FORMAT' });
});

t.test('a bar that starts in the middle', async (t) => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true });
  const progress = new Progress(true, terminal);
  progress.advance('import', 8, 4, 'patient003');
  progress.advance('import', 8, 8, 'patient004');
  progress.stop();
  const text = String(terminal.read());
  t.match(text, /import \[.*100%/s);
  t.match(text, /patient004/);
});

t.test('the registered commands, and times for people', async (t) => {
  t.same(
    buildProgram(processShell())
      .commands.map((command) => command.name())
      .sort(),
    [
      'bench',
      'convert',
      'demo',
      'doctor',
      'evaluate',
      'experiment',
      'import',
      'info',
      'predict',
      'synth',
      'task',
      'train',
    ],
  );
  t.same([0, 60, 75, 3700, Number.NaN].map(duration), ['0 s', '1 min', '1 min 15 s', '1 h 1 min', '?']);
});

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

t.test('a wrong command line is one line of JSON for who asks for JSON', async (t) => {
  for (const [args, message] of [
    [['predict', '--out', 'x.png'], /^required option '--image <file\|dir>' not specified/],
    [['doctor', '--imag'], /^unknown option '--imag'/],
    [['predit'], /^unknown command 'predit'/],
    [['task'], /^unknown option '--json'/],
    [['predict', '--image', 'a', '--out', 'b', '--axis', '7'], /give axes as 0, 1, 2/],
  ] as const) {
    const { code, stdout, stderr } = await gmiseg([...args, '--json']);
    t.match({ code, stdout }, { code: 2, stdout: '' });
    t.match(JSON.parse(stderr), { error: { code: 'ERR_INVALID_ARG', message } }, args.join(' '));
    t.notOk(stderr.trimEnd().includes('\n'));
  }
  t.match(await gmiseg(['predict', '--help', '--json']), { code: 0, stderr: '', stdout: /^Usage: gmiseg/ });
});
