import { mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Evaluated, type EvaluationTask, evaluateStore } from '../dataset/evaluate-store.js';
import { importDataset } from '../dataset/import-dataset.js';
import { deepestPoint, looseBox, tightBox } from '../dataset/prompts-from-mask.js';
import { Random } from '../dataset/random.js';
import { ScoreTable } from '../dataset/score-table.js';
import { drawShapes, SHAPE_LABELS } from '../dataset/shapes.js';
import { SliceStore } from '../dataset/slice-store.js';
import { SliceStoreWriter } from '../dataset/slice-store-writer.js';
import type { SplitName } from '../dataset/split.js';
import { contactSheet, type OverlayOptions } from '../image/index.js';
import type { ModelConfig } from '../load-options.js';
import { distribution } from '../metrics.js';
import { packageRoot } from '../package-root.js';
import type { Prompts } from '../prompts.js';
import type { Segmenter } from '../segmenter.js';
import type { TrainOptions } from '../train-options.js';
import type { TrainStep } from '../training.js';
import type { CommandContext } from './context.js';
import { loadSegmenter, type RuntimeFlags } from './model-options.js';
import { duration } from './progress.js';
import { followTraining } from './train.js';

export interface DemoFlags extends RuntimeFlags {
  out: string;
  data?: string;
  seconds?: number;
  seed: number;
}

const SCENES: Record<SplitName, number> = { train: 600, val: 20, test: 24 };
/** Smaller than `tiny`, and enough for shapes: what two cores can teach in a minute. */
const DEMO_MODEL: ModelConfig = {
  image_size: 96,
  patch_size: 8,
  embed_dim: 96,
  depth: 3,
  num_heads: 4,
  global_attn_indexes: [0, 1, 2],
  window_size: 12,
  prompt_embed_dim: 64,
  decoder_mlp_dim: 128,
  decoder_num_heads: 4,
  iou_head_hidden_dim: 64,
};
/**
 * First steps, with the Dice loss alone: the focal loss, a mean over all pixels,
 * would teach a new model to call everything background before it learns more.
 * Their speed tells how many steps fit into the time given.
 */
const FIRST_STEPS = 60;
/** How long to train where nobody says; on a busy machine longer, for below LEAST_STEPS the model knows nothing yet. */
const SECONDS = 60;
const LEAST_STEPS = 500;
const MOST_SECONDS = 300;
/** How far outside the object a hand-drawn box may lie, as a share of the picture. */
const BOX_SLACK = 0.02;
const ROWS = 6;

/** Makes data, trains on it, tries the model out, draws a picture of it. */
export async function runDemo(flags: DemoFlags, context: CommandContext): Promise<void> {
  const { signal, progress, say } = context;
  const out = path.resolve(flags.out);
  await mkdir(out, { recursive: true });
  say(
    flags.data === undefined
      ? '1. Drawing shapes to learn from ...'
      : `1. Cutting slices from ${flags.data} ...`,
  );
  const storePath = path.join(out, 'store');
  if (flags.data === undefined) await drawStore(storePath, flags.seed, context);
  else await importVolumes(flags.data, storePath, context);
  const store = await SliceStore.open(storePath);
  const segmenter = await loadSegmenter({ config: DEMO_MODEL }, flags, context);
  try {
    const { parameters, device } = segmenter.info;
    say(
      `2. Training a new model (${(parameters / 1e6).toFixed(1)} million weights, ${device}) for ${flags.seconds === undefined ? 'about ' : ''}${duration(flags.seconds ?? SECONDS)} ...`,
    );
    const trained = await trainFor(segmenter, storePath, path.join(out, 'run'), flags, context);
    signal.throwIfAborted();
    say('3. Segmenting what it has not seen, from boxes and from single clicks ...');
    progress.start('predict', 1);
    const { table, picks } = await tryOut(segmenter, store, flags, context);
    progress.stop();
    const picture = path.join(out, 'demo.png');
    await drawSheet(picture, store, picks);
    say(`\n${table.markdown('Dice against the truth')}\n`);
    context.line({
      picture,
      model: trained.file,
      steps: trained.steps,
      seconds: trained.seconds,
      scores: table.rows(),
    });
    say(nextSteps(picture, path.join(flags.out, 'run'), flags.data === undefined));
  } finally {
    await segmenter.close();
    await store.close();
  }
}

async function drawStore(
  target: string,
  seed: number,
  { signal, progress, commandLine }: CommandContext,
): Promise<void> {
  const random = new Random(seed);
  const writer = await SliceStoreWriter.create(target, { overwrite: true });
  try {
    writer.describe('shapes', SHAPE_LABELS);
    const total = SCENES.train + SCENES.val + SCENES.test;
    progress.start('draw', total);
    for (const split of ['train', 'val', 'test'] as const) {
      for (let at = 0; at < SCENES[split]; at++) {
        signal.throwIfAborted();
        const { size, image, mask, labels } = drawShapes(random);
        await writer.add({
          dataset: 'shapes',
          subject: `${split}-${at}`,
          axis: 2,
          index: 0,
          spacing: null,
          height: size,
          width: size,
          channels: 1,
          modality: 'drawing',
          split,
          labels,
          image,
          mask,
        });
        progress.update(writer.count);
      }
    }
    await writer.finish({
      command: commandLine,
      created: new Date().toISOString(),
      gmiseg: packageRoot().version,
      source: 'drawn shapes',
      options: { seed, scenes: SCENES },
    });
  } catch (error) {
    await writer.abort();
    throw error;
  } finally {
    progress.stop();
  }
}

async function importVolumes(
  data: string,
  out: string,
  { signal, progress, commandLine }: CommandContext,
): Promise<void> {
  await importDataset({
    layout: 'nnunet',
    source: data,
    out,
    policy: 'all',
    axes: [2],
    minArea: 30,
    overwrite: true,
    commandLine,
    signal,
    onProgress: ({ done, total, slices }) => {
      if (done === 0) progress.start('import', total);
      progress.update(done, `${slices} slices`);
    },
  });
  progress.stop();
}

/** Trains for about the seconds given: the first steps, then as many as fit, so that the learning rate can fall to the end. */
async function trainFor(
  segmenter: Segmenter,
  store: string,
  run: string,
  flags: DemoFlags,
  context: CommandContext,
): Promise<{ file: string; steps: number; seconds: number }> {
  await removeRun(run);
  const firstRun = path.join(run, 'first-steps');
  const common: Omit<TrainOptions, 'out'> = {
    train: 'all',
    seed: flags.seed,
    batchSize: 8,
    // Encoding is most of the work: ask for several objects of each picture.
    promptsPerImage: 3,
    learningRate: 1e-3,
    warmupSteps: 20,
    iouWeight: 0.1,
    boxShare: 0.6,
    pointsShare: 0.4,
    bothShare: 0,
    refineShare: 0,
    validateEvery: 0,
    validateSamples: 0,
    keepCheckpoints: 1,
    // Boxes as loose as those that it is tried with.
    boxOffset: 1024 * BOX_SLACK,
  };
  const wanted = flags.seconds ?? SECONDS;
  const most = flags.seconds === undefined ? MOST_SECONDS : 1.5 * flags.seconds;
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const times: number[] = [];
  await followTraining(
    segmenter.train(store, {
      ...common,
      out: firstRun,
      steps: FIRST_STEPS,
      checkpointEvery: FIRST_STEPS,
      schedule: 'constant',
      focalWeight: 0,
      maxMinutes: wanted / 60,
    }),
    FIRST_STEPS,
    { ...context, line: (report) => times.push((report as TrainStep & { ms: number }).ms) },
    'first steps',
  );
  context.signal.throwIfAborted();
  // The very first steps are slow: memory is claimed, threads start.
  const perStep = distribution(times.slice(Math.min(FIRST_STEPS / 3, times.length - 1))).median / 1000;
  const fitting = Math.round((wanted - seconds()) / perStep);
  const steps = Math.max(1, flags.seconds === undefined ? Math.max(LEAST_STEPS, fitting) : fitting);
  const summary = await followTraining(
    segmenter.train(store, {
      ...common,
      out: run,
      steps,
      seed: flags.seed + 1,
      warmupSteps: Math.min(20, steps),
      checkpointEvery: steps,
      maxMinutes: Math.max(1, most - seconds()) / 60,
    }),
    steps,
    context,
  );
  await rm(firstRun, { recursive: true, force: true });
  return { file: summary.file, steps: summary.steps + FIRST_STEPS, seconds: seconds() };
}

/** Removes the run of an earlier demo, and nothing that does not look like one. */
async function removeRun(run: string): Promise<void> {
  for (const folder of [path.join(run, 'first-steps'), run]) {
    if ((await stat(path.join(folder, 'metrics.jsonl')).catch(() => null)) !== null) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

interface Pick {
  readonly truth: Evaluated;
  readonly byPrompt: Readonly<Record<string, Evaluated>>;
}

async function tryOut(
  segmenter: Segmenter,
  store: SliceStore,
  { seed }: DemoFlags,
  { signal, progress }: CommandContext,
): Promise<{ table: ScoreTable; picks: Pick[] }> {
  const random = new Random(seed + 1);
  const table = new ScoreTable();
  const tasks = new Map<EvaluationTask['truth'], Record<string, Evaluated>>();
  const results = evaluateStore(segmenter, store, {
    prompts: (task) => promptsFor(task, random),
    signal,
    onProgress: (done, total) => progress.update(done / Math.max(1, total), `${done} of ${total} slices`),
  });
  for await (const result of results) {
    const { entry } = result.slice;
    table.add(store.labelName(entry.dataset, result.label), result.prompt, result.dice);
    const known = tasks.get(result.truth) ?? {};
    known[result.prompt] = result;
    tasks.set(result.truth, known);
  }
  const all = [...tasks.values()].flatMap((byPrompt): Pick[] => {
    const [truth] = Object.values(byPrompt);
    return truth === undefined ? [] : [{ truth, byPrompt }];
  });
  return { table, picks: choosePicks(all) };
}

/** A box as a hand draws it, and a click in the middle. */
function promptsFor({ slice, label }: EvaluationTask, random: Random): Record<string, Prompts | null> {
  const { width, height } = slice.entry;
  const pixels = { data: slice.mask, width, height };
  const tight = tightBox(pixels, label);
  const point = deepestPoint(pixels, label);
  const slack = BOX_SLACK * Math.max(width, height);
  return {
    box: tight === null ? null : { box: looseBox(tight, pixels, slack, random) },
    click: point === null ? null : { points: [point] },
  };
}

/** Typical results, not the best: evenly spread over the ranking, the labels in turn. */
function choosePicks(all: readonly Pick[]): Pick[] {
  const labels = [...new Set(all.map(({ truth }) => truth.label))];
  const share = Math.max(1, Math.floor(ROWS / labels.length));
  return labels.flatMap((label) => {
    const ranked = all
      .filter(({ truth }) => truth.label === label)
      .sort((a, b) => (a.byPrompt.box?.dice ?? 0) - (b.byPrompt.box?.dice ?? 0));
    const count = Math.min(share, ranked.length);
    return Array.from(
      { length: count },
      (_, at) => ranked[Math.floor(((at + 0.5) * ranked.length) / count)] as Pick,
    );
  });
}

/** Rows of: image, box and its answer, click and its answer, truth. */
async function drawSheet(file: string, store: SliceStore, picks: readonly Pick[]): Promise<void> {
  const items = picks.flatMap(({ truth: { slice, label, truth }, byPrompt }): OverlayOptions[] => {
    const { width, height, channels, dataset } = slice.entry;
    const image = { data: slice.image, width, height, channels };
    const answer = (name: string): OverlayOptions => {
      const result = byPrompt[name];
      if (result === undefined) return { image, caption: `no ${name}` };
      const { box, points = [] } = result.prompts;
      return {
        image,
        mask: { data: result.mask, width, height },
        boxes: box === undefined ? [] : [box],
        points: points.map(({ x, y, label: side = 1 }) => ({ x, y, label: side })),
        caption: `from a ${name}: Dice ${result.dice.toFixed(2)}`,
      };
    };
    return [
      { image, caption: 'image' },
      answer('box'),
      answer('click'),
      { image, mask: { data: truth, width, height }, caption: `truth: ${store.labelName(dataset, label)}` },
    ];
  });
  await contactSheet(file, items, { columns: 4, title: 'gmiseg demo: new images, one typical result a row' });
}

function nextSteps(picture: string, run: string, shapes: boolean): string {
  return [
    `Look at ${picture}: image, box and answer, click and answer, truth.`,
    '',
    'This model was made here, in a minute, and knows little. With your own images:',
    `  npx gmiseg predict --model ${run} --image YOUR.png --box x0,y0,x1,y1 --out masks/ --overlay`,
    '  npx gmiseg import --layout nnunet --in YOUR_DATASET --out stores/mine',
    '  npx gmiseg train --data stores/mine --checkpoint sam_vit_b.pth --out runs/mine',
    '  npx gmiseg predict --model runs/mine --image scan.nii.gz --slice 40 --point 88,120 --out masks/',
    ...(shapes ? ['  npx gmiseg demo --data YOUR_NNUNET_FOLDER     (this demo on your own volumes)'] : []),
  ].join('\n');
}
