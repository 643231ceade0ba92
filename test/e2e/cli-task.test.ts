/** gmiseg task and gmiseg predict with examples. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { encode as encodePng } from 'fast-png';
import t, { type Test } from 'tap';
import { readImage, readVolume } from '../../lib/image/index.js';
import { overlap } from '../../lib/metrics.js';
import { gmiseg } from '../helpers/cli.js';
import { TINY_WEIGHTS } from '../helpers/models.js';
import { writeScenes } from '../helpers/support-folder.js';
import { discs, type Scene, scene } from '../helpers/tasks.js';
import { writeNnunet } from '../helpers/tiny-dataset.js';

const MODEL = ['--model', TINY_WEIGHTS, '--device', 'cpu', '--threads', '1'];

async function folders(t: Test): Promise<{ root: string; support: string; queries: string }> {
  const root = t.testdir();
  const support = path.join(root, 'support');
  const queries = path.join(root, 'new');
  await writeScenes(support, discs(5).map(white));
  await mkdir(queries);
  await writeFile(
    path.join(queries, 'one.png'),
    encodePng(scene([{ x: 24, y: 19, r: 9 }], { seed: 8 }).image),
  );
  await writeFile(
    path.join(queries, 'two.png'),
    encodePng(scene([{ x: 14, y: 20, r: 7 }], { seed: 9 }).image),
  );
  await writeFile(path.join(queries, 'notes.txt'), 'no picture');
  return { root, support, queries };
}

/** Masks as drawing programs write them. */
function white(each: Scene): Scene {
  return { ...each, mask: { ...each.mask, data: each.mask.data.map((value) => 255 * Math.min(1, value)) } };
}

t.test('predict --support: a folder, overlays, uncertainty, the same again from a task file', async (t) => {
  const { root, support, queries } = await folders(t);
  const out = path.join(root, 'out');
  const settings = ['--engine', 'training-free', '--ensemble', '3', '--seed', '4'];
  const common = ['predict', '--image', queries, ...MODEL];
  const done = await gmiseg([
    ...common,
    '--support',
    support,
    '--out',
    out,
    ...settings,
    '--overlay',
    '--uncertainty',
    '--json',
  ]);
  t.match(done, { code: 0, stderr: '' });
  const { results, task, skipped } = JSON.parse(done.stdout);
  t.match(results, [
    { kind: 'picture', size: [48, 40], labels: [{ value: 255, name: 'foreground' }] },
    {
      out: path.join(out, 'two.png'),
      overlay: path.join(out, 'two_overlay.png'),
      uncertainty: path.join(out, 'two_uncertainty.png'),
    },
  ]);
  t.match(task.choices, [{ label: 255, recipe: /training-free.* x 3/ }]);
  t.equal(skipped.length, 1);
  t.same((await readdir(out)).sort(), [
    'one.png',
    'one_overlay.png',
    'one_uncertainty.png',
    'two.png',
    'two_overlay.png',
    'two_uncertainty.png',
  ]);
  const mask = await readImage(path.join(out, 'one.png'));
  t.match(mask, { width: 48, height: 40, channels: 1 });
  t.ok([...mask.data].every((value) => value === 0 || value === 255));

  const file = path.join(root, 'discs.gmtask');
  const defined = await gmiseg([
    'task',
    'define',
    '--support',
    support,
    '--out',
    file,
    ...settings,
    ...MODEL,
  ]);
  t.match(defined, { code: 0, stderr: '', stdout: /tried +Dice +left out[\s\S]*discs\.gmtask \(\d+ KiB\)/ });
  const again = path.join(root, 'again');
  t.match(await gmiseg([...common, '--task', file, '--out', again]), { code: 0, stdout: /one\.png -> / });
  for (const name of ['one.png', 'two.png']) {
    t.same(await readFile(path.join(again, name)), await readFile(path.join(out, name)), name);
  }
  const clicked = await gmiseg([
    ...common.slice(0, 1),
    '--image',
    path.join(queries, 'one.png'),
    ...MODEL,
    '--task',
    file,
    '--point',
    '24,19',
    '--out',
    path.join(root, 'c.png'),
  ]);
  t.equal(clicked.code, 0);
  t.match(await gmiseg([...common, '--task', file, '--out', again, '--ensemble', '3']), {
    code: 2,
    stderr: /gmiseg task define/,
  });
});

t.test('everything that can be forced arrives in the task', async (t) => {
  const { root, support } = await folders(t);
  const file = path.join(root, 'forced.gmtask');
  const forced = [
    ...['--engine', 'threshold', '--partner', 'none', '--scale', 'relative', '--cutoff', '0.4'],
    ...['--view', 'tiles-2', '--look', 'flat', '--flips', '--seed', '7', '--window', 'percentile'],
    ...['--dtype', 'bfloat16', '--embedding-cache', path.join(root, 'cache')],
  ];
  const define = ['task', 'define', '--support', support, '--out', file, ...forced, ...MODEL];
  t.match(await gmiseg(define), { code: 0, stderr: '' });
  const { settings, choices } = JSON.parse((await gmiseg(['task', 'info', file, '--json'])).stdout);
  t.match(settings, {
    engine: 'threshold',
    partner: 'none',
    scale: 'relative',
    cutoff: 0.4,
    view: 'tiles-2',
    look: 'flat',
    flips: true,
    seed: 7,
    window: 'percentile',
  });
  t.match(choices[0].recipe, /threshold.*relative.*2 x 2.*mirrored/);
  const free = ['--engine', 'training-free', '--output', 'refined', '--location', '0.25'];
  const more = ['--temperature', '0.1', '--ensemble', '2', '--subset', '3', '--view', 'whole'];
  t.match(
    await gmiseg(['task', 'define', '--support', support, '--out', `${file}2`, ...free, ...more, ...MODEL]),
    { code: 0, stderr: '' },
  );
  const second = JSON.parse((await gmiseg(['task', 'info', `${file}2`, '--json'])).stdout);
  t.match(second.settings, { output: 'refined', location: 0.25, temperature: 0.1, ensemble: 2, subset: 3 });
  t.match(second.choices[0].recipe, /training-free \(refined, location 0\.25\) x 2/);
  const learned = ['--engine', 'learned', '--output', 'refined'];
  t.match(await gmiseg(['task', 'define', '--support', support, '--out', file, ...learned, ...MODEL]), {
    code: 1,
    stderr: /task encoder/,
  });
});

t.test('task info and check', async (t) => {
  const { root, support } = await folders(t);
  const [bare, full] = [path.join(root, 'bare.gmtask'), path.join(root, 'full.gmtask')];
  const define = ['task', 'define', '--support', support, '--engine', 'threshold', ...MODEL];
  t.equal((await gmiseg([...define, '--out', bare])).code, 0);
  const machine = await gmiseg([...define, '--out', full, '--with-examples', '--json']);
  t.match(JSON.parse(machine.stdout), { out: full, hasExamples: true, labels: [{ value: 255 }] });

  t.match(await gmiseg(['task', 'info', bare]), {
    code: 0,
    stdout: /labels +255 foreground\nexamples +5: case0, case1[\s\S]*not kept[\s\S]*threshold[\s\S]*sha256/,
  });
  t.match(JSON.parse((await gmiseg(['task', 'info', full, '--json'])).stdout), {
    model: { imageSize: 128 },
    hasExamples: true,
  });
  t.match(await gmiseg(['task', 'info', path.join(root, 'none')]), {
    code: 1,
    stderr: /ERR_CHECKPOINT_NOT_FOUND/,
  });

  const report = path.join(root, 'reports', 'report.json');
  const checked = await gmiseg(['task', 'check', '--task', full, '--report', report, ...MODEL]);
  t.match(checked, {
    code: 0,
    stderr: '',
    stdout:
      /foreground \(label 255\): Dice [01]\.\d{3} to expect on new images \(95 % interval[\s\S]*case4 +[01]\.\d{3}[\s\S]*Dice by number of examples/,
  });
  t.match(JSON.parse(await readFile(report, 'utf8')), {
    labels: [{ value: 255, examples: { length: 5 } }],
    misfits: [],
  });
  t.match(
    await gmiseg(['task', 'check', '--support', support, '--engine', 'threshold', ...MODEL, '--json']),
    { code: 0, stdout: /"moreHelp":/ },
  );
  t.match(await gmiseg(['task', 'check', '--task', bare, ...MODEL]), { code: 1, stderr: /--with-examples/ });
  t.match(await gmiseg(['task', 'check', ...MODEL]), { code: 2, stderr: /--support DIR or --task FILE/ });
});

t.test('several labels in one PNG; one of them with --label', async (t) => {
  const root = t.testdir();
  const two = (seed: number): Scene =>
    scene(
      [
        { x: 12, y: 15 + (seed % 4), r: 7, label: 2, grey: 130 },
        { x: 34, y: 22, r: 8, label: 7, grey: 220 },
      ],
      { seed },
    );
  await writeScenes(path.join(root, 'support'), [two(1), two(2), two(3)]);
  const query = two(6);
  await writeFile(path.join(root, 'query.png'), encodePng(query.image));
  const common = [
    'predict',
    '--image',
    path.join(root, 'query.png'),
    '--support',
    path.join(root, 'support'),
    '--engine',
    'threshold',
    ...MODEL,
  ];
  const both = await gmiseg([...common, '--out', path.join(root, 'both.png')]);
  t.match(both, { code: 0, stdout: /label 2: threshold[\s\S]*label 7 \d+ pixels/ });
  const map = (await readImage(path.join(root, 'both.png'))).data;
  t.same([...new Set(map)].sort(), [0, 2, 7]);
  t.equal((await gmiseg([...common, '--label', '7', '--out', path.join(root, 'one.png')])).code, 0);
  const one = (await readImage(path.join(root, 'one.png'))).data;
  t.same([...new Set(one)].sort(), [0, 255]);
  t.ok(
    overlap(
      one as Uint8Array,
      query.mask.data.map((value) => Number(value === 7)),
    ).dice > 0.95,
  );
  t.match(await gmiseg([...common, '--label', '9', '--out', path.join(root, 'x.png')]), {
    code: 1,
    stderr: /masks hold|labels asked for/,
  });
});

t.test('volumes from an nnU-Net folder: label names, geometry', async (t) => {
  const root = t.testdir();
  const data = path.join(root, 'Dataset001');
  await writeNnunet(data, { patients: 2 });
  const image = path.join(data, 'imagesTr', 'patient001_frame01_0000.nii.gz');
  const out = path.join(root, 'heart.nii.gz');
  const common = [
    'predict',
    '--image',
    image,
    '--support',
    data,
    '--engine',
    'threshold',
    '--view',
    'whole',
    '--slices',
    '4',
    ...MODEL,
    '--json',
  ];
  const done = await gmiseg([...common, '--out', out, '--overlay', '--uncertainty', '--neighbours', '0.2']);
  t.equal(done.code, 0, done.stderr);
  const { results, task } = JSON.parse(done.stdout);
  t.match(results, [
    {
      kind: 'volume',
      size: [20, 24, 8],
      labels: [
        { value: 1, name: 'wall' },
        { value: 2, name: 'cavity' },
      ],
    },
  ]);
  t.same(task.axes, [2]);
  t.ok(results[0].labels.every(({ pixels }: { pixels: number }) => pixels > 0));
  const [source, written, spread] = [
    await readVolume(image),
    await readVolume(out),
    await readVolume(path.join(root, 'heart_uncertainty.nii.gz')),
  ];
  t.same(written.affine, source.affine);
  t.same(spread.affine, source.affine);
  t.same(written.shape, source.shape);
  const file = path.join(root, 'heart.gmtask');
  const windowed = ['--support', data, '--engine', 'threshold', '--window', '0,4000', ...MODEL];
  const overlay = async (name: string, args: string[]): Promise<Buffer> => {
    // The picture's title is the name of the mask.
    const mask = path.join(root, name, 'heart.nii.gz');
    const { code, stderr } = await gmiseg(['predict', '--image', image, ...args, '--out', mask, '--overlay']);
    t.equal(code, 0, stderr);
    return await readFile(path.join(root, name, 'heart_overlay.png'));
  };
  await gmiseg(['task', 'define', ...windowed, '--out', file]);
  t.same(
    await overlay('loaded', ['--task', file, ...MODEL]),
    await overlay('defined', windowed),
    'a task file says in which window pictures are shown',
  );
  const three = await gmiseg([...common, '--out', out, '--axes', 'three', '--label', '2']);
  t.match(JSON.parse(three.stdout), { task: { axes: [0, 1, 2], labels: [{ value: 2, name: 'cavity' }] } });
});

t.test('folders and flags that do not fit', async (t) => {
  const { root, support, queries } = await folders(t);
  const predict = ['predict', '--image', queries, '--out', path.join(root, 'out'), ...MODEL];
  const failing: [string[], number, RegExp][] = [
    [[...predict, '--support', path.join(root, 'none')], 1, /is no folder.*ERR_DATASET/],
    [[...predict, '--support', queries], 1, /must hold images\/ and masks\//],
    [[...predict, '--support', support, '--mask', 'x.png'], 2, /--mask does not go with --support/],
    [[...predict, '--support', support, '--box-from', 'x'], 2, /--box-from does not go/],
    [[...predict, '--support', support, '--engine', 'best'], 2, /--engine best: use auto, learned/],
    [[...predict, '--support', support, '--box', '1,1,5,5', '--box', '6,6,9,9'], 2, /one --box/],
    [[...predict, '--point', '3,3', '--uncertainty'], 2, /--uncertainty goes with examples/],
    [[...predict, '--task', path.join(root, 'none.gmtask')], 1, /ERR_CHECKPOINT_NOT_FOUND/],
    [['task'], 2, /define/],
    [['task', 'define', '--support', support], 2, /--out <file>/],
  ];
  for (const [args, code, message] of failing) {
    t.match(await gmiseg(args), { code, stderr: message }, args.join(' '));
  }
  await writeFile(path.join(queries, 'one_uncertainty.png'), encodePng(scene([]).image));
  t.match(await gmiseg([...predict, '--support', support, '--uncertainty']), {
    code: 2,
    stderr: /one_uncertainty\.png, in the way of .*one_uncertainty\.png/,
  });
  await writeFile(path.join(support, 'masks', 'extra.png'), encodePng(scene([]).image));
  t.match(await gmiseg([...predict, '--support', support]), { code: 1, stderr: /extra\.png has no image/ });
  t.match(await gmiseg(['task', 'define', '--help']), {
    code: 0,
    stdout: /Example:[\s\S]*gmiseg task define/,
  });
});
