/** UniverSeg, Neuralizer, CycleGAN and the U-Net: sizes, files, training, tasks, and what they refuse. */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { BaselineConfig, Method } from '../../lib/baseline.js';
import { inspectCheckpoint } from '../../lib/inspect.js';
import type { LoadOptions } from '../../lib/load-options.js';
import { Segmenter } from '../../lib/segmenter.js';
import type { TrainOptions } from '../../lib/train-options.js';
import type { StepReport } from '../../lib/training.js';
import { FIXTURES, readTensors, writeTensors } from '../helpers/checkpoints.js';
import { picture, TINY_WEIGHTS } from '../helpers/models.js';
import { writeSceneStore } from '../helpers/scene-store.js';
import { writeShapeStore } from '../helpers/shape-store.js';
import { discs, scene } from '../helpers/tasks.js';

const UNIVERSEG = join(FIXTURES, 'universeg-small', 'weights.safetensors');
const NEURALIZER = join(FIXTURES, 'neuralizer-small', 'weights.safetensors');

/** Small enough for a test. */
const SMALL: Record<Method, BaselineConfig> = {
  universeg: { method: 'universeg', image_size: 32, widths: [8, 8, 8] },
  neuralizer: { method: 'neuralizer', image_size: 32, width: 8, stages: 3 },
  cyclegan: { method: 'cyclegan', image_size: 32, width: 4, blocks: 1 },
  unet: { method: 'unet', image_size: 32, widths: [8, 16] },
};

const inEpisodes = ({ method, variant }: BaselineConfig): boolean =>
  method !== 'unet' && (variant ?? 'C3') === 'C3';

const short = (out: string, config: BaselineConfig): TrainOptions => ({
  out,
  ...(inEpisodes(config) ? { episodes: true, supports: [1, 2], queries: 2 } : {}),
  steps: 4,
  batchSize: 2,
  validateEvery: 0,
  validateSamples: 2,
  validateSupports: 2,
});

async function open(t: Test, options: LoadOptions): Promise<Segmenter> {
  const segmenter = await Segmenter.load({ device: 'cpu', threads: 1, ...options });
  t.teardown(() => segmenter.close());
  return segmenter;
}

t.test('the published configurations have the published numbers of parameters', async (t) => {
  const expected: [NonNullable<LoadOptions['config']>, number][] = [
    ['universeg', 1_182_785],
    [{ method: 'universeg', widths: [64, 64, 64, 64, 64] }, 1_551_809],
    ['neuralizer', 1_273_859],
    [{ method: 'neuralizer', stages: 3 }, 928_899],
    [{ method: 'neuralizer', width: 32 }, 319_491],
    // Two generators of six blocks and two discriminators; of nine blocks at 256 pixels.
    ['cyclegan', 2 * (7_825_153 + 2_762_689)],
    [{ method: 'cyclegan', image_size: 256 }, 2 * (11_365_633 + 2_762_689)],
    // About as many as nnU-Net has on such tasks: ours has no published number.
    ['unet', 1_928_035],
  ];
  for (const [config, parameters] of expected) {
    const { info } = await open(t, { config });
    t.match(info, { parameters, preprocessing: 'min-max' }, JSON.stringify(config));
  }
});

t.test('published weights are known by their names, under any prefix', async (t) => {
  const folder = t.testdir();
  t.match((await open(t, { checkpoint: UNIVERSEG })).info, {
    method: 'universeg',
    parameters: 26_601,
    config: { widths: [8, 12, 16], image_size: 128 },
  });
  t.match((await open(t, { checkpoint: UNIVERSEG, imageSize: 64 })).info, { imageSize: 64 });
  // As Lightning saves it, with a weight that nobody needs.
  const file = join(folder, 'lightning.safetensors');
  const weights = Object.entries(readTensors(NEURALIZER));
  const dummy = { dtype: 'F32', shape: [1], data: Buffer.alloc(4) };
  writeTensors(file, {
    ...Object.fromEntries(weights.map(([name, tensor]) => [`net.${name}`, tensor])),
    'net.dummy_param': dummy,
  });
  t.match((await open(t, { checkpoint: file })).info, {
    method: 'neuralizer',
    parameters: 14_867,
    config: { stages: 3, width: 8, convs: 2, activation: 'none' },
  });
  t.match(await inspectCheckpoint(file), { flavour: 'neuralizer', config: { stages: 3 }, configReason: '' });

  const { 'out_conv.conv.bias': _, ...rest } = readTensors(UNIVERSEG);
  writeTensors(join(folder, 'lacking.safetensors'), rest);
  await t.rejects(open(t, { checkpoint: join(folder, 'lacking.safetensors') }), {
    code: 'ERR_CHECKPOINT_MISMATCH',
    message: /out_conv\.conv\.bias/,
  });
  await t.rejects(open(t, { checkpoint: UNIVERSEG, config: 'unet' }), { code: 'ERR_CHECKPOINT_MISMATCH' });
  await t.rejects(open(t, { checkpoint: TINY_WEIGHTS, config: 'universeg' }), {
    code: 'ERR_CHECKPOINT_MISMATCH',
  });
});

t.test('configs that make no sense, and options that are for a SAM', async (t) => {
  const refused = (config: NonNullable<LoadOptions['config']>, message: RegExp, more: LoadOptions = {}) =>
    t.rejects(open(t, { config, ...more }), { code: 'ERR_INVALID_ARG', message }, String(message));
  await refused({ method: 'segnet' as 'unet' }, /'universeg', 'neuralizer', 'cyclegan', 'unet'/);
  await refused({ method: 'universeg', width: 32 }, /'width' does not exist/);
  await refused({ method: 'universeg', widths: [0, 4] }, /widths/);
  await refused({ method: 'universeg', image_size: 100 }, /multiple of 8/);
  await refused({ method: 'cyclegan', variant: 'C4' as 'C3' }, /'C1', 'C2', 'C3'/);
  await refused('unet', /float32/, { dtype: 'bfloat16' });
  await refused('unet', /adapter/, { adapter: UNIVERSEG });
});

const VARIANTS: readonly BaselineConfig[] = [
  ...Object.values(SMALL),
  { ...SMALL.cyclegan, variant: 'C1' },
  { ...SMALL.cyclegan, variant: 'C2' },
];

for (const config of VARIANTS) {
  const name = `${config.method} ${config.variant ?? ''}`.trim();

  t.test(`${name}: a run that is resumed ends as one that never stopped`, async (t) => {
    const folder = t.testdir();
    const store = await writeSceneStore(join(folder, 'store'), discs(6));
    const weights = (run: string): Buffer => readFileSync(join(folder, run, 'model.safetensors'));
    // A CycleGAN's pools of 50 must be full before they say anything.
    const gan = config.method === 'cyclegan';
    const options = (run: string): TrainOptions => ({
      ...short(join(folder, run), config),
      ...(gan ? { batchSize: 10, steps: 6, checkpointEvery: 2 } : { checkpointEvery: 2 }),
    });
    const whole = await open(t, { config });
    const steps: StepReport[] = [];
    for await (const report of whole.train(store, options('whole'))) {
      if (report.type === 'step') steps.push(report);
    }
    for (const { loss, dice, gradNorm } of steps) {
      t.ok(Number.isFinite(loss) && gradNorm > 0 && dice >= 0 && dice <= 1);
    }
    // What a run that stopped after its last checkpoint but one would have left.
    const file = `checkpoint-${String(options('parts').steps! - 2).padStart(8, '0')}.safetensors`;
    mkdirSync(join(folder, 'parts'));
    for (const name of [file, 'config.json', 'metrics.jsonl']) {
      copyFileSync(join(folder, 'whole', name), join(folder, 'parts', name));
    }
    const rest = await (await open(t, { config })).train(store, { ...options('parts'), resume: true });
    t.equal(rest.firstStep, options('parts').steps! - 2);
    t.ok(weights('parts').equals(weights('whole')), 'the same bytes');

    const again = await open(t, { checkpoint: join(folder, 'whole', 'model.safetensors') });
    t.same(again.info.config, whole.info.config);
    await again.save(join(folder, 'again.safetensors'));
    t.same(
      readTensors(join(folder, 'again.safetensors')),
      readTensors(join(folder, 'whole', 'model.safetensors')),
    );
  });
}

t.test('tasks by example: define, predict, ensemble, save, load', async (t) => {
  const folder = t.testdir();
  const segmenter = await open(t, { checkpoint: UNIVERSEG, imageSize: 32 });
  const examples = discs(5);
  const query = scene([{ x: 24, y: 19, r: 9 }], { seed: 8 }).image;
  const ask = async (task: Awaited<ReturnType<Segmenter['defineTask']>>) => {
    const { probability, uncertainty } = await task.predict(query, {
      returnProbability: true,
      returnUncertainty: true,
    });
    return { probability: probability!, uncertainty: uncertainty! };
  };
  const task = await segmenter.defineTask(examples);
  t.match(task.info.choices, [{ recipe: 'baseline' }]);
  const answer = await ask(task);
  t.equal(answer.probability.length, query.width * query.height);
  t.ok(answer.probability.every((value) => value >= 0 && value <= 1));
  const other = await ask(
    await segmenter.defineTask(discs(5).map((each) => ({ ...each, mask: invert(each.mask) }))),
  );
  t.ok(
    other.probability.some((value, at) => Math.abs(value - answer.probability[at]!) > 1e-6),
    'the masks of the examples matter',
  );
  const ensemble = await ask(await segmenter.defineTask(examples, { ensemble: 3, seed: 1 }));
  t.ok(
    ensemble.uncertainty.some((value) => value > 0),
    'members differ',
  );
  const [report] = (await task.check()).labels;
  t.equal(report!.examples.length, 5);
  t.ok(report!.dice! >= 0 && report!.dice! <= 1);

  await task.save(join(folder, 'task.gmtask'));
  t.same(await ask(await segmenter.loadTask(join(folder, 'task.gmtask'))), answer);
  const smaller = await open(t, { checkpoint: UNIVERSEG, imageSize: 64 });
  await t.rejects(smaller.loadTask(join(folder, 'task.gmtask')), { code: 'ERR_CHECKPOINT_MISMATCH' });

  await t.rejects(task.predict(query, { prompts: { points: [{ x: 5, y: 5, label: 1 }] } }), {
    code: 'ERR_INVALID_ARG',
    message: /no clicks and boxes.*SAM/,
  });
  await t.rejects(segmenter.predict(query, { box: [2, 2, 20, 20] }), {
    code: 'ERR_INVALID_ARG',
    message: /defineTask/,
  });
  for (const engine of ['learned', 'training-free'] as const) {
    await t.rejects(segmenter.defineTask(examples, { engine }), { code: 'ERR_INVALID_ARG', message: /SAM/ });
  }
  await t.rejects(segmenter.save(join(folder, 'x.safetensors'), { what: 'merged' }), {
    code: 'ERR_INVALID_ARG',
    message: /full/,
  });
  const sam = await open(t, { checkpoint: TINY_WEIGHTS });
  await t.rejects(sam.defineTask(examples, { engine: 'baseline' }), {
    code: 'ERR_INVALID_ARG',
    message: /SAM/,
  });
  await t.rejects(sam.loadTask(join(folder, 'task.gmtask')), { code: 'ERR_CHECKPOINT_MISMATCH' });
});

t.test('colours become grey, and a flat picture is no error', async (t) => {
  const segmenter = await open(t, { config: SMALL.universeg });
  const grey = await segmenter.encode(picture(40, 40, 1));
  t.same(grey.shape, [1, 1, 32, 32]);
  const values = grey.toArray();
  t.equal(Math.min(...values), 0);
  t.equal(Math.max(...values), 1);
  const flat = { data: new Uint8Array(300).fill(7), width: 10, height: 10, channels: 3 as const };
  t.ok((await segmenter.encode(flat)).toArray().every((value) => value === 0));
});

t.test('trainings that make no sense', async (t) => {
  const folder = t.testdir();
  const store = await writeShapeStore(join(folder, 'store'));
  const refused = async (config: BaselineConfig, options: Partial<TrainOptions>, message: RegExp) => {
    const segmenter = await open(t, { config });
    const all = { ...short(join(folder, 'run'), config), ...options };
    await t.rejects(
      Promise.resolve().then(() => segmenter.train(store, all)),
      { code: 'ERR_INVALID_ARG', message },
      String(message),
    );
  };
  await refused(SMALL.universeg, { episodes: false }, /--episodes/);
  await refused(SMALL.unet, { episodes: true }, /leave 'episodes' out/);
  await refused(SMALL.unet, {}, /hold 3 \(shapes\/1, shapes\/2, shapes\/3\)/);
  await refused({ ...SMALL.cyclegan, variant: 'C1' }, {}, /'datasets' and 'labels'/);
  await refused(SMALL.universeg, { adapter: { kind: 'pooled' } }, /as a whole/);
  await refused(SMALL.universeg, { train: 'decoder' }, /as a whole/);
  await refused(SMALL.universeg, { baseline: { crossEntropy: -1 } }, /crossEntropy/);
  await refused({ ...SMALL.universeg, image_size: 24, widths: [8, 8] }, {}, /from 32 on/);
  const sam = await open(t, { checkpoint: TINY_WEIGHTS });
  await t.rejects(
    Promise.resolve(sam.train(store, { out: join(folder, 'sam'), baseline: { crossEntropy: 1 } })),
    { code: 'ERR_INVALID_ARG', message: /this model is a SAM/ },
  );
});

function invert<M extends { readonly data: Uint8Array }>(mask: M): M {
  return { ...mask, data: mask.data.map((value) => 1 - value) };
}
