import { decode as decodePng } from 'fast-png';
import { encodeSheet, type OverlayOptions } from '../../image/index.js';
import { byMethod } from '../grouping.js';
import type { MethodInstance } from '../method-instance.js';
import type { Results } from '../results.js';
import { readSlice, type TaskSlice, type TestTask } from '../test-task.js';
import { supportUnit } from '../unit.js';
import type { SheetSection } from './content.js';

const CELL = 192;

/** A sheet for each task: a row for each query, the truth and then a picture for each method, of its first training. */
export async function predictionSheets(
  instances: readonly MethodInstance[],
  tasks: readonly TestTask[],
  results: Results,
  n: number,
): Promise<SheetSection[]> {
  const sheets: SheetSection[] = [];
  const first = byMethod(instances).map(({ instances: own }) => own[0] as MethodInstance);
  for (const task of tasks) {
    const answers = first.map((instance) => ({
      instance,
      queries: results.of(supportUnit(instance, task, { n, draw: 0 }))?.queries ?? [],
    }));
    const shown = Math.max(0, ...answers.map(({ queries }) => queries.filter(({ mask }) => mask).length));
    if (shown === 0) continue;
    const pictures: OverlayOptions[] = [];
    for (const [at, entry] of task.queries.slice(0, shown).entries()) {
      const slice = await readSlice(task, entry);
      pictures.push(truthPicture(slice));
      for (const { instance, queries } of answers) {
        const query = queries[at];
        if (query?.mask === undefined) pictures.push({ image: slice.image, caption: `${instance.label}: -` });
        else pictures.push(answerPicture(slice, instance, query.mask, query.scores.dice));
      }
    }
    sheets.push({
      kind: 'sheet',
      name: `sheet-${task.id.replaceAll('/', '-')}`,
      title: `${task.dataSet}: ${task.name}`,
      note: `${Math.min(n, task.pool.length)} examples. First picture of a row: the truth; dashed on the others. Number: Dice.`,
      png: await encodeSheet(pictures, { columns: first.length + 1, cellSize: CELL }),
    });
  }
  return sheets;
}

function truthPicture({ image, mask, name }: TaskSlice): OverlayOptions {
  return { image, truth: mask, caption: name, names: { truth: 'truth' } };
}

function answerPicture(
  { image, mask }: TaskSlice,
  { label }: MethodInstance,
  png: string,
  dice: number,
): OverlayOptions {
  const { data, width, height } = decodePng(Buffer.from(png, 'base64'));
  return {
    image,
    mask: { data: Uint8Array.from(data, (value) => (value > 0 ? 1 : 0)), width, height },
    truth: mask,
    caption: `${dice.toFixed(2)} ${label}`,
    names: { mask: '', truth: '' },
  };
}
