import { copyFile, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual as same } from 'node:util';
import t from 'tap';
import { readImage, readVolume, reorient, writeVolume } from '../../lib/image/index.js';
import { runtimeInfo } from '../../lib/inspect.js';
import { overlap } from '../../lib/metrics.js';
import { readTensors } from '../helpers/checkpoints.js';
import { outcome } from '../helpers/child.js';
import { gmiseg, gmisegProcess, spawnGmiseg } from '../helpers/cli.js';
import { pnmBytes } from '../helpers/layout-files.js';
import { TINY, TINY_WEIGHTS } from '../helpers/models.js';
import { writeShapeStore } from '../helpers/shape-store.js';
import { boxLabels, niftiBytes, type Shape3, scanVoxels } from '../helpers/tiny-dataset.js';

const CPU = ['--device', 'cpu', '--threads', '1'];
const shape: Shape3 = [20, 24, 8];
const labels = boxLabels(shape);
const voxels = scanVoxels(labels);

/** A grey picture with a bright box on it, and the box as a mask. */
function pgmFiles(): { image: Buffer; mask: Buffer } {
  const [width, height] = [40, 30];
  const pgm = (value: (inside: boolean, at: number) => number): Buffer => {
    const data = Uint8Array.from({ length: width * height }, (_, at) => {
      const [x, y] = [at % width, Math.floor(at / width)];
      return value(x >= 10 && x < 25 && y >= 8 && y < 20, at);
    });
    return pnmBytes({ data, width, height });
  };
  return {
    image: pgm((inside, at) => (inside ? 180 : 60) + (at % 7)),
    mask: pgm((inside) => (inside ? 255 : 0)),
  };
}

t.test('info: a checkpoint for people and for machines', async (t) => {
  const plain = await gmiseg(['info', TINY_WEIGHTS, '--tensors']);
  t.match(plain, { code: 0, stderr: '', stdout: /parameters +307,596/ });
  t.match(plain.stdout, /image_encoder\.pos_embed +F32 +\[1, 8, 8, 64\]/i);
  const machine = JSON.parse((await gmiseg(['info', TINY_WEIGHTS, '--json'])).stdout);
  t.match(machine, { path: TINY_WEIGHTS, parameters: 307596, config: { embed_dim: 64 } });
  t.equal(machine.tensors, undefined);
  const missing = await gmiseg(['info', path.join(t.testdir(), 'none.pth')]);
  t.match(missing, { code: 1, stderr: /ERR_CHECKPOINT_NOT_FOUND/ });
});

t.test('doctor: all is well here, and a broken addon is named with a remedy', async (t) => {
  const healthy = JSON.parse((await gmisegProcess(['doctor', '--json'])).stdout);
  t.match(healthy, { addon: { version: /^\d/, runtime: { torch: /^\d/ } } });
  const { bfloat16 } = healthy.addon.runtime;
  const devices = healthy.checks.find(({ name }: { name: string }) => name === 'devices').found;
  t.match(devices, bfloat16 ? /computes in bfloat16/ : /no arithmetic of bfloat16/);
  // Of memory there may be less than a SAM wants.
  const failed = healthy.checks.filter((check: { ok: boolean }) => !check.ok);
  t.same(
    failed.filter(({ name }: { name: string }) => name !== 'memory'),
    [],
  );
  const broken = path.join(t.testdir({ 'broken.node': 'no addon' }), 'broken.node');
  const sick = await gmisegProcess(['doctor'], { GMISEG_BINDING: broken });
  t.match(sick, { code: 1, stdout: /FAIL addon[\s\S]*-> / });
});

t.test('predict: a picture with points and boxes', async (t) => {
  const root = t.testdir();
  const { image, mask } = pgmFiles();
  await writeFile(path.join(root, 'scan.pgm'), image);
  await writeFile(path.join(root, 'truth.pgm'), mask);
  const common = ['predict', '--image', path.join(root, 'scan.pgm'), '--model', TINY_WEIGHTS, ...CPU];
  const plain = await gmiseg([...common, '--out', path.join(root, 'out'), '--point', '17,14', '--overlay']);
  t.match(plain, { code: 0, stderr: '', stdout: /scan\.pgm -> .*scan\.png: 1 object/ });
  t.same((await readdir(path.join(root, 'out'))).sort(), ['scan.png', 'scan_overlay.png']);
  const written = await readImage(path.join(root, 'out', 'scan.png'));
  t.match(written, { width: 40, height: 30, channels: 1 });
  t.ok([...new Set(written.data)].every((value) => value === 0 || value === 255));

  const file = path.join(root, 'two.png');
  const machine = await gmiseg([
    ...common,
    '--out',
    file,
    '--box',
    '8,6,26,21',
    '--box',
    '0,0,5,5',
    '--json',
  ]);
  t.equal(machine.code, 0);
  const { results, model } = JSON.parse(machine.stdout);
  t.match(model, { device: 'cpu', checkpoint: { path: TINY_WEIGHTS } });
  t.match(results, [
    { out: file, kind: 'picture', prompts: 'given', size: [40, 30], objects: [{ value: 1 }, { value: 1 }] },
  ]);
  const foreground = (await readImage(file)).data.filter((value) => value !== 0).length;
  t.equal(foreground, results[0].foreground);

  const again = path.join(root, 'again.png');
  await gmiseg([...common, '--out', again, '--box', '8,6,26,21', '--box', '0,0,5,5']);
  t.same(await readFile(again), await readFile(file), 'the same call gives the same bytes');

  const truth = path.join(root, 'truth.pgm');
  const fromTruth = await gmiseg([
    ...common,
    '--out',
    path.join(root, 'b.png'),
    '--box-from',
    truth,
    '--json',
  ]);
  t.match(JSON.parse(fromTruth.stdout).results, [
    { prompts: `ground-truth boxes of ${truth}`, objects: [{ value: 255 }] },
  ]);
  const rough = await gmiseg([...common, '--out', path.join(root, 'm.png'), '--mask', truth, '--multimask']);
  t.equal(rough.code, 0);

  const outside = await gmiseg([...common, '--out', path.join(root, 'c.png'), '--point', '99,14']);
  t.match(outside, { code: 1, stderr: /inside the image of 40 x 30 pixels.*ERR_INVALID_ARG/ });
  const over = await gmiseg([...common, '--out', path.join(root, 'scan.pgm'), '--point', '9,9']);
  t.match(over, { code: 2, stderr: /scan\.pgm is a file/ });
  t.same(await readFile(path.join(root, 'scan.pgm')), image, 'the input is untouched');
  t.match(await gmiseg([...common, '--out', file, '--slice', '1', '--point', '9,9']), {
    code: 2,
    stderr: /--slice/,
  });
});

t.test('predict: a volume keeps its geometry', async (t) => {
  const root = t.testdir();
  const image = path.join(root, 'heart.nii');
  await writeFile(image, niftiBytes(voxels, shape, [1.5, 1.5, 6], [-12, 30, 7]));
  await writeFile(path.join(root, 'truth.nii'), niftiBytes(labels, shape, [1.5, 1.5, 6], [-12, 30, 7]));
  const common = ['predict', '--image', image, '--model', TINY_WEIGHTS, ...CPU, '--json'];
  const out = path.join(root, 'mask.nii.gz');
  const one = await gmiseg([...common, '--out', out, '--slice', '3', '--box', '4,4,15,19', '--overlay']);
  t.match(JSON.parse(one.stdout).results, [
    { kind: 'volume', axis: 2, size: [20, 24, 8], objects: [{ slice: 3 }] },
  ]);
  t.ok((await stat(path.join(root, 'mask_overlay.png'))).size > 1000);
  const [source, written] = [await readVolume(image), await readVolume(out)];
  t.same(written.affine, source.affine);
  t.same(written.shape, source.shape);
  const planes = Array.from({ length: 8 }, (_, k) =>
    written.data.slice(k * 480, (k + 1) * 480).some((value) => value !== 0),
  );
  t.same(
    planes.flatMap((shown, k) => (shown ? [k] : [])),
    [3],
    'only the slice asked for is marked',
  );

  const truth = path.join(root, 'truth.nii');
  // Across i the pixels are 1.5 x 6 mm: the model sees square ones, the result is on the volume's grid.
  const all = await gmiseg([
    ...common,
    '--out',
    path.join(root, 'all.nii.gz'),
    '--box-from',
    truth,
    '--axis',
    '0',
  ]);
  const { objects, prompts } = JSON.parse(all.stdout).results[0];
  t.equal(prompts, `ground-truth boxes of ${truth}`);
  t.same([...new Set(objects.map(({ value }: { value: number }) => value))], [1, 2]);
  const both = await readVolume(path.join(root, 'all.nii.gz'));
  t.same([...new Set(both.data)].sort(), [0, 1, 2]);
  const stored = await readVolume(truth);
  const upper = stored.data.map((label, at) => (at >= 5 * 480 && at < 6 * 480 ? 2 * label : 0));
  const turned = reorient({ ...stored, data: upper }, 'RAI');
  await writeVolume(path.join(root, 'turned.nii'), turned, { affine: turned.affine });
  const below = path.join(root, 'turned.nii');
  const two = await gmiseg([...common, '--out', out, '--box-from', below, '--label', '2']);
  t.same(
    JSON.parse(two.stdout).results[0].objects.map(({ value, slice }: Record<string, number>) => [
      value,
      slice,
    ]),
    [[2, 5]],
    'a truth that is stored upside down',
  );

  // As whole-body atlases number them.
  const large = Float32Array.from(labels, (label) => [0, 256, 70002][label]!);
  await writeFile(truth, niftiBytes(large, shape, [1.5, 1.5, 6], [-12, 30, 7]));
  await gmiseg([...common, '--out', out, '--box-from', truth]);
  t.same(new Set((await readVolume(out)).data), new Set([0, 256, 70002]));
  await gmiseg([...common, '--out', out, '--box-from', truth, '--label', '256']);
  t.same(new Set((await readVolume(out)).data), new Set([0, 256]));

  await writeFile(
    path.join(root, 'prompts.json'),
    JSON.stringify({ slices: { 2: { points: [[9, 12]] }, 4: { box: [4, 4, 15, 19] } } }),
  );
  const planned = await gmiseg([...common, '--out', out, '--prompts', path.join(root, 'prompts.json')]);
  t.same(
    JSON.parse(planned.stdout).results[0].objects.map(({ slice }: { slice: number }) => slice),
    [2, 4],
  );
  t.match(await gmiseg([...common, '--out', out, '--slice', '8', '--point', '1,1']), {
    code: 2,
    stderr: /slices 0 to 7/,
  });
});

t.test('predict: a folder, with one mask for each', async (t) => {
  const root = t.testdir();
  const [images, truths, out] = ['images', 'truths', 'out'].map((name) => path.join(root, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(images);
  await mkdir(truths);
  const { image, mask } = pgmFiles();
  await writeFile(path.join(images, 'a_0000.pgm'), image);
  await writeFile(path.join(images, 'b.pgm'), image);
  await writeFile(path.join(images, 'README'), 'two pictures');
  await writeFile(path.join(truths, 'a.pgm'), mask);
  const common = ['predict', '--image', images, '--out', out, '--model', TINY_WEIGHTS, ...CPU];
  const lacking = await gmiseg([...common, '--box-from', truths]);
  t.match(lacking, { code: 1, stderr: /no mask of the name b/ });
  await writeFile(path.join(truths, 'b.pgm'), mask);
  const done = await gmiseg([...common, '--box-from', truths]);
  t.match(done, { code: 0, stderr: /skipped .*README/ });
  t.same((await readdir(out)).sort(), ['a_0000.png', 'b.png']);
});

t.test('train, resume, predict, convert: all weights', async (t) => {
  const root = t.testdir();
  const store = await writeShapeStore(path.join(root, 'store'));
  const run = path.join(root, 'run');
  await writeFile(path.join(root, 'tiny.json'), JSON.stringify(TINY));
  const start = ['train', '--data', store, '--out', run, '--config', path.join(root, 'tiny.json'), ...CPU];
  const settings = ['--batch', '2', '--seed', '3', '--set', 'checkpointEvery=2', '--set', 'validateEvery=0'];
  const first = await gmiseg([...start, ...settings, '--steps', '4', '--json']);
  t.match(first, { code: 0, stderr: '' });
  const lines = first.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.same(
    lines.filter(({ type }) => type === 'step').map(({ step }) => step),
    [1, 2, 3, 4],
  );
  t.match(lines.at(-1), {
    type: 'summary',
    steps: 4,
    stopped: false,
    file: path.join(run, 'model.safetensors'),
  });
  t.match(await gmiseg([...start, ...settings]), { code: 2, stderr: /--resume/ });

  const resumed = await gmiseg(['train', '--out', run, '--resume', ...CPU, '--json']);
  t.match(resumed, { code: 0, stderr: '' });
  t.match(JSON.parse(resumed.stdout.trim().split('\n').at(-1) ?? ''), { steps: 4, firstStep: 4 });
  const slow = [...start, '--dtype', 'bfloat16', '--steps', '1'].map((word) =>
    word === run ? `${run}-16` : word,
  );
  t.match(await gmiseg(slow), {
    code: 0,
    stderr: runtimeInfo().bfloat16 ? '' : /warning: .*Leave --dtype out/,
  });
  const other = await gmiseg(['train', '--out', run, '--resume', '--lr', '5', ...CPU]);
  t.match(other, { code: 1, stderr: /learningRate.*ERR_CHECKPOINT_MISMATCH/ });

  const { image } = pgmFiles();
  await writeFile(path.join(root, 'scan.pgm'), image);
  const predict = ['predict', '--image', path.join(root, 'scan.pgm'), '--box', '8,6,26,21', ...CPU];
  t.equal((await gmiseg([...predict, '--model', run, '--out', path.join(root, 'a.png')])).code, 0);
  const converted = path.join(root, 'full.safetensors');
  t.match(await gmiseg(['convert', '--model', run, '--out', converted, '--json']), {
    code: 0,
    stdout: /"what":"full"/,
  });
  t.equal((await gmiseg([...predict, '--model', converted, '--out', path.join(root, 'b.png')])).code, 0);
  t.same(await readFile(path.join(root, 'b.png')), await readFile(path.join(root, 'a.png')));
  t.match(await gmiseg(['convert', '--model', run, '--out', converted]), { code: 2, stderr: /--force/ });
  const { size } = await stat(converted);
  const half = ['convert', '--model', run, '--out', converted, '--dtype', 'bfloat16', '--force'];
  t.equal((await gmiseg(half)).code, 0);
  t.ok((await stat(converted)).size < 0.6 * size);
});

t.test('train an adapter on a checkpoint, predict with it, merge it', async (t) => {
  const root = t.testdir();
  const store = await writeShapeStore(path.join(root, 'store'));
  const run = path.join(root, 'run');
  // Alone in its folder: nothing but --config says how the model is built.
  const weights = path.join(root, 'weights.safetensors');
  await copyFile(TINY_WEIGHTS, weights);
  const config = path.join(root, 'tiny.json');
  await writeFile(config, JSON.stringify(TINY));
  const trained = await gmiseg([
    ...['train', '--data', store, '--out', run, '--checkpoint', weights, '--config', config],
    ...['--adapter-kind', 'lora', '--rank', '2', '--steps', '3', '--batch', '2', '--lr', '1e-2'],
    ...['--set', 'warmupSteps=0', ...CPU],
  ]);
  t.match(trained, { code: 0, stdout: /Done after 3 steps/ });
  t.ok((await readdir(run)).includes('adapter.safetensors'));
  const moved = path.join(root, 'moved.safetensors');
  await rename(weights, moved);
  const resume = ['train', '--out', run, '--resume', ...CPU];
  t.match(await gmiseg(resume), { code: 1, stderr: /weights\.safetensors.*ERR_CHECKPOINT_NOT_FOUND/ });
  t.match(await gmiseg([...resume, '--checkpoint', moved]), { code: 0 });
  const { image } = pgmFiles();
  await writeFile(path.join(root, 'scan.pgm'), image);
  const merged = path.join(root, 'merged.safetensors');
  t.match(await gmiseg(['convert', '--model', run, '--out', merged, '--json']), {
    code: 0,
    stdout: /"what":"merged"/,
  });
  const alone = path.join(root, 'alone.safetensors');
  t.equal((await gmiseg(['convert', '--model', run, '--out', alone, '--what', 'adapter'])).code, 0);
  t.ok(same(readTensors(alone), readTensors(path.join(run, 'adapter.safetensors'))));
  const predict = async (name: string, model: string[]): Promise<Uint8Array> => {
    const out = path.join(root, `${name}.png`);
    const scan = path.join(root, 'scan.pgm');
    const result = await gmiseg([
      'predict',
      '--image',
      scan,
      '--box',
      '8,6,26,21',
      '--out',
      out,
      ...model,
      ...CPU,
    ]);
    t.match(result, { code: 0 });
    return (await readImage(out)).data as Uint8Array;
  };
  const fromRun = await predict('run', ['--model', run]);
  const adapter = ['--model', TINY_WEIGHTS, '--adapter', path.join(run, 'adapter.safetensors')];
  t.same(await predict('adapter', adapter), fromRun);
  const fromMerged = await predict('merged', ['--model', merged]);
  t.ok(fromRun.some((value) => value !== 0));
  t.ok(overlap(fromMerged, fromRun).dice > 0.99);
});

t.test('Ctrl-C: the training stops between two steps and can go on', async (t) => {
  const root = t.testdir();
  const store = await writeShapeStore(path.join(root, 'store'));
  const run = path.join(root, 'run');
  await writeFile(path.join(root, 'tiny.json'), JSON.stringify(TINY));
  const child = spawnGmiseg([
    ...['train', '--data', store, '--out', run, '--config', path.join(root, 'tiny.json'), '--json'],
    ...['--steps', '100000', '--batch', '1', ...CPU],
  ]);
  let seen = '';
  let interrupted = false;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
    if (!interrupted && seen.includes('"step":3,')) {
      interrupted = true;
      child.kill('SIGINT');
    }
  });
  const { code, stdout } = await outcome(child);
  t.equal(code, 1, 'what follows with && must not take it for done');
  const summary = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  t.match(summary, { type: 'summary', stopped: true });
  const names = await readdir(run);
  t.ok(names.includes(`checkpoint-${String(summary.steps).padStart(8, '0')}.safetensors`));
  t.same(
    names.filter((name) => name.includes('tmp')),
    [],
  );
  t.match(await gmiseg(['info', run]), { code: 0 });
});
