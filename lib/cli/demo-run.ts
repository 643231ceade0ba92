import { mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { importDataset } from '../dataset/import-dataset.js';
import type { SliceEntry } from '../dataset/slice-index.js';
import { SliceStore } from '../dataset/slice-store.js';
import { GmisegError } from '../errors.js';
import { contactSheet, type OverlayOptions, type Uint8Image, writeImage, writeMask } from '../image/index.js';
import { distribution, overlap } from '../metrics.js';
import type { Segmenter } from '../segmenter.js';
import { Random } from '../statistics/random.js';
import { synthesize } from '../synthesize.js';
import type { CommandContext } from './context.js';
import { loadSegmenter, type RuntimeFlags } from './model-options.js';
import { type ModelFlags, resolveModel } from './resolve-model.js';
import { textTable } from './text-table.js';

export interface DemoFlags extends RuntimeFlags, ModelFlags {
  out: string;
  data?: string;
  seed: number;
}

interface Picture {
  readonly name: string;
  /** Pictures of one patient are left out together. */
  readonly group?: string;
  readonly image: Uint8Image;
  readonly mask: { readonly data: Uint8Array; readonly width: number; readonly height: number };
}

/** Examples that define a task, and pictures to try it on. */
interface DemoTask {
  readonly name: string;
  readonly examples: readonly Picture[];
  readonly queries: readonly Picture[];
}

const EXAMPLES = 8;
const QUERIES = 6;
const SIZE = 256;
/** What the demo paints: the first task of each of these kinds, whatever the model makes of it. */
const FAMILIES = ['anatomy', 'cells', 'lesions'];
/** A world that no training has drawn tasks from. */
const WORLD = 0x64656d6f;
/** The baselines that the result stands beside. */
const BASELINES = { 'nearest mask': 'copy', threshold: 'threshold' } as const;

/** Defines tasks by eight examples each, checks them, tries them on new pictures, and shows what came out. */
export async function runDemo(flags: DemoFlags, context: CommandContext): Promise<void> {
  const { signal, say } = context;
  const out = path.resolve(flags.out);
  await mkdir(out, { recursive: true });
  say(
    flags.data === undefined
      ? `1. Painting ${FAMILIES.length} tasks that the model has never seen: ${EXAMPLES} examples and ${QUERIES} new pictures of each ...`
      : `1. Cutting slices from ${flags.data} ...`,
  );
  const tasks =
    flags.data === undefined
      ? await paintTasks(flags.seed, signal)
      : await cutTasks(flags.data, path.join(out, 'store'), flags.seed, context);
  const segmenter = await loadSegmenter(await resolveModel(flags), flags, context);
  try {
    const { variant, parameters, device } = segmenter.info;
    say(
      `2. Defining each task by its examples, without training (${variant}, ${(parameters / 1e6).toFixed(1)} million weights, ${device}) ...`,
    );
    const results: TriedTask[] = [];
    const sheet: OverlayOptions[] = [];
    for (const task of tasks) {
      signal.throwIfAborted();
      await keepExamples(path.join(out, 'support', task.name), task);
      const report = await tryTask(segmenter, task, sheet, context);
      results.push(report);
      say(
        `   ${task.name}: ${report.expected === null ? '' : `expected Dice ${report.expected.toFixed(2)} from leaving out examples, `}by ${report.recipe}`,
      );
    }
    const picture = path.join(out, 'demo.png');
    await contactSheet(picture, sheet, {
      columns: 5,
      title: 'gmiseg demo: two of eight examples, then new pictures',
    });
    say(`\n3. On pictures that were not among the examples:\n\n${tableOf(results)}\n`);
    context.line({ picture, tasks: results });
    say(nextSteps(picture, path.join(flags.out, 'support', tasks[0]!.name)));
  } finally {
    await segmenter.close();
  }
}

async function paintTasks(seed: number, signal: AbortSignal): Promise<DemoTask[]> {
  const tasks: DemoTask[] = [];
  for (const family of FAMILIES) {
    for (let number = 0; ; number++) {
      const request = { seed: WORLD + seed, task: number, signal };
      const { traits } = await synthesize({ ...request, size: 32 });
      if (traits.family !== family || traits.border) continue;
      const { subjects } = await synthesize({ ...request, size: SIZE, count: 3 * (EXAMPLES + QUERIES) });
      const pictures = subjects
        .filter(({ mask }) => mask.includes(1))
        .slice(0, EXAMPLES + QUERIES)
        .map(
          ({ image, mask }, at): Picture => ({
            name: `${family}-${String(at + 1).padStart(2, '0')}`,
            image: { data: image, width: SIZE, height: SIZE, channels: traits.channels },
            mask: { data: mask, width: SIZE, height: SIZE },
          }),
        );
      tasks.push({
        name: `${family}-${traits.target.replaceAll(' ', '-')}`,
        examples: pictures.slice(0, EXAMPLES),
        queries: pictures.slice(EXAMPLES),
      });
      break;
    }
  }
  return tasks;
}

/** One task a label; examples from the training subjects, queries from those held back. */
async function cutTasks(
  data: string,
  out: string,
  seed: number,
  { signal, progress, commandLine }: CommandContext,
): Promise<DemoTask[]> {
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
  const store = await SliceStore.open(out);
  try {
    const random = new Random(seed);
    const values = new Set(store.slices.flatMap(({ labels }) => Object.keys(labels).map(Number)));
    const tasks: DemoTask[] = [];
    for (const value of [...values].sort((a, b) => a - b)) {
      const showing = (test: boolean): SliceEntry[] =>
        random.shuffle(
          store.slices.filter(({ labels, split }) => (labels[value] ?? 0) > 0 && (split === 'test') === test),
        );
      const examples = await readAll(store, value, showing(false).slice(0, EXAMPLES));
      const queries = await readAll(store, value, showing(true).slice(0, QUERIES));
      if (examples.length === 0 || queries.length === 0) continue;
      const name = store.labelName(store.slices[0]!.dataset, value);
      // The value too: of two names, what is left here may be the same.
      tasks.push({ name: `${name.replaceAll(/[^\p{L}\p{N}]+/gu, '-')}-${value}`, examples, queries });
    }
    if (tasks.length > 0) return tasks;
    throw new GmisegError(
      'ERR_DATASET',
      `${data} has too few subjects for a demo: no label shows both on one that gives examples and on one that is held back, every third. Give labelled images of three subjects or more.`,
      { details: { path: data } },
    );
  } finally {
    await store.close();
  }
}

async function readAll(store: SliceStore, value: number, entries: readonly SliceEntry[]): Promise<Picture[]> {
  return await Promise.all(
    entries.map(async (entry) => {
      const { image, mask } = await store.read(entry);
      const { width, height, channels, subject, case: source, index } = entry;
      return {
        name: `${source ?? subject}-${index}`,
        group: subject,
        image: { data: image, width, height, channels },
        mask: { data: Uint8Array.from(mask, (label) => (label === value ? 1 : 0)), width, height },
      };
    }),
  );
}

/** The examples as files, so that the commands that the demo ends with can be typed as they are. */
async function keepExamples(folder: string, { examples, queries }: DemoTask): Promise<void> {
  if ((await stat(path.join(folder, 'images')).catch(() => null)) !== null) {
    for (const part of ['images', 'masks', 'new'])
      await rm(path.join(folder, part), { recursive: true, force: true });
  }
  for (const part of ['images', 'masks', 'new']) await mkdir(path.join(folder, part), { recursive: true });
  for (const { name, image, mask } of examples) {
    await writeImage(path.join(folder, 'images', `${name}.png`), image);
    await writeMask(path.join(folder, 'masks', `${name}.png`), mask);
  }
  for (const { name, image } of queries) await writeImage(path.join(folder, 'new', `${name}.png`), image);
}

interface TriedTask {
  readonly task: string;
  readonly recipe: string;
  /** Dice to expect, from leaving out examples. */
  readonly expected: number | null;
  /** Dice on each new picture: of the task, and of the baselines. */
  readonly dice: Readonly<Record<string, readonly number[]>>;
}

/** Mean Dice against the truth. */
function tableOf(results: readonly TriedTask[]): string {
  const columns = ['from examples', ...Object.keys(BASELINES)];
  const rows = [
    ['task', ...columns],
    ...results.map(({ task, dice }) => [
      task,
      ...columns.map((column) => distribution(dice[column] ?? []).mean.toFixed(3)),
    ]),
  ];
  return `Mean Dice against the truth (${results[0]!.dice['from examples']!.length} pictures each)\n${textTable(rows, { indent: '  ' })}`;
}

async function tryTask(
  segmenter: Segmenter,
  { name, examples, queries }: DemoTask,
  sheet: OverlayOptions[],
  { signal, progress }: CommandContext,
): Promise<TriedTask> {
  progress.start(name, 1);
  using task = await segmenter.defineTask(examples, { signal });
  const report = await task.check({ signal });
  const scores: Record<string, number[]> = { 'from examples': [] };
  for (const { image, mask } of examples.slice(0, 2)) {
    sheet.push({ image, mask, caption: `example: ${name}` });
  }
  for (const [at, query] of queries.entries()) {
    progress.update(at / queries.length, query.name);
    const { masks, width, height } = await task.predict(query.image, { signal });
    const { dice } = overlap(masks, query.mask.data);
    scores['from examples']!.push(dice);
    if (at < 3) {
      sheet.push({
        image: query.image,
        mask: { data: masks, width, height },
        truth: query.mask,
        caption: `Dice ${dice.toFixed(2)}`,
        names: { mask: 'prediction', truth: 'truth' },
      });
    }
  }
  for (const [title, engine] of Object.entries(BASELINES)) {
    using baseline = await segmenter.defineTask(examples, { engine, signal });
    const own: number[] = [];
    for (const query of queries) {
      const { masks } = await baseline.predict(query.image, { signal });
      own.push(overlap(masks, query.mask.data).dice);
    }
    scores[title] = own;
  }
  progress.stop();
  const [label] = report.labels;
  return { task: name, recipe: label?.recipe ?? '', expected: label?.dice ?? null, dice: scores };
}

function nextSteps(picture: string, support: string): string {
  return [
    `Look at ${picture}: examples on the left, new pictures with prediction and truth beside them.`,
    '',
    'With your own images: put some into FOLDER/images and their masks, under the same names, into FOLDER/masks.',
    `(${support} is such a folder; its new pictures are in ${support}/new.)`,
    `  npx gmiseg task check --support ${support}                    (how well will it do? which examples do not fit?)`,
    `  npx gmiseg predict --support ${support} --image ${support}/new --out masks/ --overlay`,
    '  npx gmiseg demo --data YOUR_NNUNET_FOLDER                     (this demo on your own volumes)',
  ].join('\n');
}
