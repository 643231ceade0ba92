// Support sets in, Dice out: how good a model is at tasks that examples define.
//   node scripts/evaluate-support.mjs --data STORE --label N[,N...] --out FILE.json [--model RUN|FILE] [--dataset NAME]
//     [--n 1,4,16] [--draws 5] [--most 24] [--halves] [--engines auto,learned,training-free,threshold,copy]
//     [--image-size N] [--view whole|crop|tiles-2|tiles-4] [--partner none] [--seed 0] [--threads N] [--sheet FILE.png]
// An engine is written ENGINE[/OUTPUT][@SIZE][*K]: `learned/refined@128` forces output and input size, `learned*4` is
// an ensemble of 4 members over subsets of the supports.
// Several labels are one target together; 0 is what has no label. Supports are drawn (seeded) from the split "train", of different subjects while there are any; queries are slices
// of the split "test", at most --most, evenly spread. --halves is for a single volume: supports from its lower half,
// queries from its upper half. Every engine sees the same draws and queries. The last column is no support at all
// but boxes from the truth: an upper bound for how well the model outlines, not a result of the method.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { supportTable } from './evaluate/support-table.mjs';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    dataset: { type: 'string' },
    label: { type: 'string' },
    out: { type: 'string' },
    model: { type: 'string' },
    n: { type: 'string', default: '1,4,16' },
    draws: { type: 'string', default: '5' },
    most: { type: 'string', default: '24' },
    halves: { type: 'boolean', default: false },
    engines: { type: 'string', default: 'auto,learned,training-free,threshold,copy' },
    'image-size': { type: 'string' },
    seed: { type: 'string', default: '0' },
    threads: { type: 'string' },
    'min-area': { type: 'string', default: '20' },
    pool: { type: 'string', default: 'train' },
    queries: { type: 'string', default: 'test' },
    view: { type: 'string' },
    partner: { type: 'string' },
    sheet: { type: 'string' },
  },
});
const { data, out } = values;
const labels = values.label?.split(',').map(Number) ?? [];
if (!data || labels.length === 0 || !labels.every((label) => label >= 0)) {
  console.error('usage: node scripts/evaluate-support.mjs --data STORE --label N [--out FILE.json]');
  process.exit(2);
}

const dist = (/** @type {string} */ file) => import(new URL(`../dist/${file}`, import.meta.url).href);
const { SliceStore } = await dist('dataset/slice-store.js');
const { drawSupports, halves, pixelsWith } = await dist('experiment/draws.js');
const { evenly } = await dist('evenly.js');
const { tightBox } = await dist('dataset/prompts-from-mask.js');
const { distribution, overlap } = await dist('metrics.js');
const { contactSheet } = await dist('image/index.js');
const { resolveModel } = await dist('cli/resolve-model.js');
const { Progress } = await dist('cli/progress.js');
const { Segmenter } = await dist('segmenter.js');

/** @typedef {{ entry: any, image: any, mask: { data: Uint8Array, width: number, height: number } }} Slice */
/** @typedef {{ n: number, engine: string, draw: number, dice: number[], recipe: string }} Run an engine's in one draw */

const store = await SliceStore.open(data);
const segmenter = await Segmenter.load({
  ...(values.model ? await resolveModel({ model: values.model }) : {}),
  ...(values['image-size'] ? { imageSize: Number(values['image-size']) } : {}),
  ...(values.threads ? { threads: Number(values.threads) } : {}),
});

/** @type {any[]} */
const entries = store.slices.filter(
  (/** @type {any} */ entry) =>
    (values.dataset === undefined || entry.dataset === values.dataset) &&
    pixelsWith(entry, labels) >= Number(values['min-area']),
);
const [pool, queries] = /** @type {[any[], any[]]} */ (
  values.halves
    ? halves(entries)
    : [values.pool, values.queries].map((split) => entries.filter((entry) => entry.split === split))
);
if (pool.length === 0 || queries.length === 0) {
  console.error(`${data}: ${pool.length} slices to draw supports from and ${queries.length} queries`);
  process.exit(1);
}

/** @type {Map<any, Promise<Slice>>} */
const read = new Map();
/** @param {any} entry @returns {Promise<Slice>} */
function slice(entry) {
  let found = read.get(entry);
  if (found === undefined) {
    found = store.read(entry).then((/** @type {any} */ { image, mask }) => {
      const { width, height, channels } = entry;
      const binary = Uint8Array.from(mask, (value) => (labels.includes(value) ? 1 : 0));
      return {
        entry,
        image: { data: image, width, height, channels },
        mask: { data: binary, width, height },
      };
    });
    read.set(entry, /** @type {Promise<Slice>} */ (found));
  }
  return /** @type {Promise<Slice>} */ (found);
}

/** @param {string} text */
function taskOptions(text) {
  const parts = /^([a-z-]+)(?:\/([a-z]+))?(?:@(\d+))?(?:\*(\d+))?$/.exec(text);
  if (parts === null) throw new Error(`${text} is no engine: write ENGINE[/OUTPUT][@SIZE][*K]`);
  const [, engine, output, size, members] = parts;
  return {
    engine,
    ...(output === undefined ? {} : { output }),
    ...(size === undefined ? {} : { inputSize: Number(size) }),
    ...(members === undefined ? {} : { ensemble: Number(members) }),
    ...(values.view === undefined ? {} : { view: values.view }),
    ...(values.partner === undefined ? {} : { partner: values.partner }),
  };
}

const asked = evenly(queries, Number(values.most));
const engines = values.engines.split(',');
const sizes = [...new Set(values.n.split(',').map((n) => Math.min(Number(n), pool.length)))];
/** A pool that is taken whole is the same in every draw. @param {number} n */
const drawsOf = (n) => (n === pool.length ? 1 : Number(values.draws));
/** What the sheet shows: the first engine's masks with most supports. @type {any[]} */
const pictures = [];

/** @returns {Promise<Run[]>} */
async function evaluateDraws() {
  /** @type {Run[]} */
  const runs = [];
  progress.start('evaluate', sizes.reduce((sum, n) => sum + drawsOf(n), 0) * engines.length);
  for (const n of sizes) {
    for (let draw = 0; draw < drawsOf(n); draw++) {
      const supports = await Promise.all(
        drawSupports(pool, n, { seed: Number(values.seed), draw }).map(slice),
      );
      for (const engine of engines) {
        const isShown = engine === engines[0] && n === sizes.at(-1) && draw === 0;
        runs.push({ n, engine, draw, ...(await evaluateTask(supports, engine, isShown)) });
        progress.update(runs.length, `N = ${n}, draw ${draw + 1}, ${engine}`);
      }
    }
  }
  return runs;
}

/**
 * @param {readonly Slice[]} supports
 * @param {string} engine
 * @param {boolean} isShown on the sheet
 * @returns {Promise<Pick<Run, 'dice' | 'recipe'>>}
 */
async function evaluateTask(supports, engine, isShown) {
  const task = await segmenter.defineTask(
    supports.map(({ image, mask, entry }, at) => ({
      image,
      mask,
      name: `${entry.subject}-${entry.index}-${at}`,
      group: entry.subject,
      index: entry.index,
    })),
    taskOptions(engine),
  );
  const dice = [];
  for (const entry of asked) {
    const { image, mask } = await slice(entry);
    const { masks } = await task.predict(image);
    const score = overlap(masks, mask.data).dice;
    dice.push(score);
    if (!values.sheet || !isShown) continue;
    pictures.push({
      image,
      mask: { data: masks, width: mask.width, height: mask.height },
      truth: mask,
      caption: `${entry.subject} ${score.toFixed(2)}`,
      names: { mask: 'prediction', truth: 'truth' },
    });
  }
  const recipe = task.info.choices[0]?.recipe ?? '';
  task.close();
  return { dice, recipe };
}

/** @returns {Promise<number[]>} the Dice of each query */
async function evaluateBoxes() {
  const boxed = [];
  for (const entry of asked) {
    const { image, mask } = await slice(entry);
    const { masks } = await segmenter.predict(image, { box: tightBox(mask, 1) });
    boxed.push(overlap(masks, mask.data).dice);
  }
  return boxed;
}

/**
 * @param {readonly Run[]} runs
 * @param {readonly number[]} boxed
 */
function resultOf(runs, boxed) {
  const dataset = values.dataset ?? asked[0].dataset;
  const names = labels.map((label) => (label === 0 ? 'rest' : store.labelName(asked[0].dataset, label)));
  const rows = sizes.map((n) => ({
    n,
    ...Object.fromEntries(
      engines.map((engine) => {
        const own = runs.filter((run) => run.n === n && run.engine === engine);
        // Mean over the queries of each draw; the spread is that between draws.
        const means = distribution(own.map(({ dice }) => distribution(dice).mean));
        return [engine, { mean: means.mean, std: means.std, draws: own.length }];
      }),
    ),
  }));
  return {
    task: `${dataset}: ${names.join(' + ')}`,
    data: dataset,
    labels,
    queries: asked.length,
    pool: pool.length,
    draws: Number(values.draws),
    seed: Number(values.seed),
    // Without its path, which is this machine's own.
    model: { ...segmenter.info, checkpoint: null },
    rows,
    boxesFromTruth: distribution(boxed),
    recipes: runs
      .filter(({ engine }) => engine === 'auto')
      .map(({ n, draw, recipe }) => ({ n, draw, recipe })),
  };
}

/** Writes what the options ask for and prints the table. @param {ReturnType<typeof resultOf>} result */
async function report(result) {
  if (out) await writeFile(out, `${JSON.stringify(result, null, 1)}\n`);
  if (values.sheet)
    await contactSheet(values.sheet, pictures, { columns: 6, title: `${result.task}, N = ${sizes.at(-1)}` });
  const title = `${result.task} (${result.queries} queries, ${values.draws} draws)`;
  console.log(supportTable([result], engines, [{ title, align: '---', cell: (_, { n }) => `N = ${n}` }]));
}

const progress = new Progress();
try {
  const runs = await evaluateDraws();
  const boxed = await evaluateBoxes();
  progress.stop();
  await report(resultOf(runs, boxed));
} finally {
  progress.stop();
  await segmenter.close();
  await store.close();
}
