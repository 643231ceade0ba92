/** gmiseg train --method, and what its models are good for. */
import path from 'node:path';
import t from 'tap';
import { readImage } from '../../lib/image/index.js';
import { FIXTURES } from '../helpers/checkpoints.js';
import { gmiseg } from '../helpers/cli.js';
import { writeSceneStore } from '../helpers/scene-store.js';
import { writeShapeStore } from '../helpers/shape-store.js';
import { writeScenes } from '../helpers/support-folder.js';
import { discs } from '../helpers/tasks.js';

const RUNTIME = ['--device', 'cpu', '--threads', '1'];
const QUICK = ['--steps', '2', '--batch', '1', '--set', 'validateEvery=0', '--set', 'validateSamples=0'];

t.test('train in episodes, resume, look at it, define a task, predict', async (t) => {
  const root = t.testdir();
  const run = path.join(root, 'run');
  const support = path.join(root, 'support');
  await writeScenes(support, discs(4));
  const model = ['--method', 'universeg', '--width', '8', '--image-size', '32'];
  const trained = await gmiseg(['train', '--episodes', ...model, '--out', run, ...QUICK, ...RUNTIME]);
  t.match(trained, { code: 0, stdout: /Next: gmiseg predict --model .* --support/ });
  const resumed = await gmiseg(['train', '--out', run, '--resume', ...RUNTIME, '--json']);
  t.match(JSON.parse(resumed.stdout.trim().split('\n').at(-1)!), { type: 'summary', firstStep: 2, steps: 2 });
  t.match(await gmiseg(['info', run]), {
    code: 0,
    stdout: /universeg, a baseline[\s\S]*18,825 in 44 tensors/,
  });

  const task = path.join(root, 'discs.gmtask');
  const defined = await gmiseg([
    ...['task', 'define', '--model', run, '--support', support, '--out', task, '--ensemble', '2', '--json'],
    ...RUNTIME,
  ]);
  t.match(JSON.parse(defined.stdout), { choices: [{ recipe: 'baseline x 2' }] });
  const image = path.join(support, 'images', 'case0.png');
  const ask = ['predict', '--model', run, '--image', image, ...RUNTIME];
  const mask = path.join(root, 'mask.png');
  t.match(await gmiseg([...ask, '--task', task, '--out', mask]), { code: 0, stderr: '' });
  t.match(await readImage(mask), { width: 48, height: 40 });
  t.match(await gmiseg([...ask, '--task', task, '--out', mask, '--point', '9,9']), {
    code: 1,
    stderr: /no clicks and boxes/,
  });
  t.match(await gmiseg([...ask, '--out', mask, '--box', '3,3,30,30']), { code: 1, stderr: /task define/ });

  const official = path.join(FIXTURES, 'universeg-small', 'weights.safetensors');
  const published = [
    'predict',
    '--model',
    official,
    '--image-size',
    '32',
    '--image',
    image,
    '--support',
    support,
  ];
  t.match(await gmiseg([...published, '--method', 'universeg', '--out', mask, ...RUNTIME]), { code: 0 });
  t.match(await gmiseg([...published, '--method', 'neuralizer', '--out', mask, ...RUNTIME]), {
    code: 1,
    stderr: /does not fit the model/,
  });
  t.match(await gmiseg([...published, '--method', 'senet', '--out', mask]), { code: 2, stderr: /universeg/ });
});

t.test('a U-Net and a CycleGAN on one task of a store', async (t) => {
  const root = t.testdir();
  const store = await writeSceneStore(path.join(root, 'store'), discs(4));
  const several = await writeShapeStore(path.join(root, 'several'));
  const support = path.join(root, 'support');
  await writeScenes(support, discs(2));
  const train = (out: string, ...more: string[]) =>
    gmiseg(['train', '--out', path.join(root, out), '--image-size', '32', ...more, ...QUICK, ...RUNTIME]);
  t.match(await train('unet', '--method', 'unet', '--width', '4', '--data', store), { code: 0 });
  const gan = ['--method', 'cyclegan', '--width', '4'];
  t.match(await train('gan', ...gan, '--variant', 'C2', '--data', store), { code: 0 });
  for (const run of ['unet', 'gan']) {
    const out = path.join(root, `${run}.png`);
    const image = path.join(support, 'images', 'case1.png');
    const ask = [
      'predict',
      '--model',
      path.join(root, run),
      '--support',
      support,
      '--image',
      image,
      '--out',
      out,
    ];
    t.match(await gmiseg([...ask, ...RUNTIME]), { code: 0, stdout: /label 1: baseline/ });
  }
  const unet = ['--method', 'unet', '--data', several];
  t.match(await train('none', ...unet), { code: 1, stderr: /shapes\/1, shapes\/2, shapes\/3/ });
  t.match(await train('one', ...unet, '--width', '4', '--set', 'labels=[2]'), { code: 0 });
  t.match(await train('none', ...unet, '--variant', 'C1'), { code: 2, stderr: /--method cyclegan/ });
  t.match(await train('none', '--width', '8', '--config', 'tiny', '--data', several), {
    code: 2,
    stderr: /goes with --method/,
  });
});
