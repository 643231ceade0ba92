// Boxes from the truth in, Dice per structure out: how good a model is when it is told where to look.
//   node scripts/evaluate-boxes.mjs --data STORE|NNUNET_DIR --model RUN|FILE --out DIR
//     [--adapter FILE] [--config NAME] [--policy mid-object] [--axes 0,1,2] [--split test] [--device auto] [--threads N]
// Writes table.md, scores.json, and best.png, median.png, worst.png (predictions beside the truth).
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    model: { type: 'string' },
    adapter: { type: 'string' },
    config: { type: 'string' },
    out: { type: 'string', default: 'evaluation' },
    policy: { type: 'string', default: 'mid-object' },
    axes: { type: 'string', default: '0,1,2' },
    split: { type: 'string', default: 'test' },
    device: { type: 'string' },
    threads: { type: 'string' },
    'per-label': { type: 'string', default: '4' },
  },
});
const { data, model, out } = values;
if (!data || !(model || values.config)) {
  console.error(
    'usage: node scripts/evaluate-boxes.mjs --data STORE|NNUNET_DIR --model RUN|FILE [--out DIR]',
  );
  process.exit(2);
}

const dist = (/** @type {string} */ file) => import(new URL(`../dist/${file}`, import.meta.url).href);
const { evaluateStore } = await dist('dataset/evaluate-store.js');
const { importDataset } = await dist('dataset/import-dataset.js');
const { tightBox } = await dist('dataset/prompts-from-mask.js');
const { ScoreTable } = await dist('dataset/score-table.js');
const { SliceStore } = await dist('dataset/slice-store.js');
const { contactSheet } = await dist('image/index.js');
const { resolveModel } = await dist('cli/resolve-model.js');
const { Progress } = await dist('cli/progress.js');
const { Segmenter } = await dist('segmenter.js');

/** @typedef {{ name: string, axis: number, subject: string, index: number, dice: number, jaccard: number, score: number, at: number }} Score */

/**
 * The store itself, or one made for the time being from an nnU-Net raw folder.
 * @param {string} source
 */
async function openStore(source) {
  if (await stat(join(source, 'index.json')).catch(() => null))
    return { store: await SliceStore.open(source), remove: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), 'gmiseg-evaluate-'));
  await importDataset({
    layout: 'nnunet',
    source,
    out: join(folder, 'store'),
    policy: values.policy,
    axes: values.axes.split(',').map(Number),
  });
  return {
    store: await SliceStore.open(join(folder, 'store')),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** @param {number} n */
const round = (n) => Math.round(n * 1e4) / 1e4;

const { store, remove } = await openStore(data);
const segmenter = await Segmenter.load({
  ...(await resolveModel({
    ...(model ? { model } : {}),
    ...(values.config ? { config: values.config } : {}),
    ...(values.adapter ? { adapter: values.adapter } : {}),
  })),
  ...(values.device ? { device: values.device } : {}),
  ...(values.threads ? { threads: Number(values.threads) } : {}),
});
const progress = new Progress();
const dice = new ScoreTable();
const byAxis = new ScoreTable();
/** @type {Score[]} */
const scores = [];
/** Everything a picture needs, by its place in `scores`. @type {any[]} */
const pictures = [];
try {
  progress.start(
    'predict',
    store.slices.filter((/** @type {any} */ slice) => slice.split === values.split).length,
  );
  const results = evaluateStore(segmenter, store, {
    split: values.split,
    prompts: (/** @type {any} */ { slice, label }) => {
      const { width, height } = slice.entry;
      const box = tightBox({ data: slice.mask, width, height }, label);
      return { box: box && { box } };
    },
    onProgress: (/** @type {number} */ done) => progress.update(done),
  });
  for await (const result of results) {
    const { entry, image } = result.slice;
    const { width, height, channels } = entry;
    const name = `${entry.dataset}: ${store.labelName(entry.dataset, result.label)}`;
    dice.add(name, 'Dice', result.dice);
    dice.add(name, 'Jaccard', result.jaccard);
    byAxis.add(`${name}, axis ${entry.axis}`, 'Dice', result.dice);
    scores.push({
      name,
      axis: entry.axis,
      subject: entry.case ?? entry.subject,
      index: entry.index,
      dice: round(result.dice),
      jaccard: round(result.jaccard),
      score: round(result.score),
      at: pictures.length,
    });
    pictures.push({
      image: { data: image, width, height, channels },
      mask: { data: Uint8Array.from(result.mask), width, height },
      truth: { data: result.truth, width, height },
      boxes: [result.prompts.box],
      caption: `${store.labelName(entry.dataset, result.label)} ${result.dice.toFixed(2)}`,
      names: { mask: 'prediction', truth: 'truth' },
    });
  }
  progress.stop();
  if (scores.length === 0) throw new Error(`${data} has no slice in the split "${values.split}"`);
  await mkdir(out, { recursive: true });
  const table = dice.markdown('boxes from the truth');
  await writeFile(join(out, 'table.md'), `${table}\n\n${byAxis.markdown('by axis')}\n`);
  const { info } = segmenter;
  await writeFile(
    join(out, 'scores.json'),
    `${JSON.stringify({ data, split: values.split, prompts: 'tight boxes from the truth', model: info, structures: dice.rows(), byAxis: byAxis.rows(), scores }, null, 1)}\n`,
  );
  const perLabel = Number(values['per-label']);
  for (const [kind, choose] of Object.entries({
    best: (/** @type {Score[]} */ ranked) => ranked.slice(-perLabel).reverse(),
    median: (/** @type {Score[]} */ ranked) => {
      const from = Math.max(0, Math.floor((ranked.length - perLabel) / 2));
      return ranked.slice(from, from + perLabel);
    },
    worst: (/** @type {Score[]} */ ranked) => ranked.slice(0, perLabel),
  })) {
    const names = [...new Set(scores.map(({ name }) => name))];
    const chosen = names.flatMap((name) =>
      choose(scores.filter((score) => score.name === name).sort((a, b) => a.dice - b.dice)),
    );
    await contactSheet(
      join(out, `${kind}.png`),
      chosen.map(({ at }) => pictures[at]),
      { columns: perLabel, title: `${kind} of ${scores.length}, boxes from the truth` },
    );
  }
  console.log(table);
  console.log(
    `\n${scores.length} predictions; ${out}/table.md, scores.json, best.png, median.png, worst.png`,
  );
} finally {
  progress.stop();
  await segmenter.close();
  await store.close();
  await remove();
}
