import { groupBy } from '../group-by.js';
import { askLabel, Query } from './ask.js';
import { binaryMask, type PreparedExample } from './example.js';
import { fitLabel } from './fit.js';
import type { Gallery } from './gallery.js';
import type { Work } from './host.js';
import type { Recipe } from './recipe.js';

/** Pixels of a prediction, of the truth, and of both. */
export interface Counts {
  readonly both: number;
  readonly predicted: number;
  readonly truth: number;
}

/** 2 both / (predicted + truth); NaN where both are empty. */
export function diceOf({ both, predicted, truth }: Counts): number {
  return (2 * both) / (predicted + truth);
}

/** What the recipe, fitted to some examples, says of others; in their order. */
export async function crossPredict(
  work: Work,
  gallery: Gallery,
  supports: readonly PreparedExample[],
  queries: readonly PreparedExample[],
  label: { readonly value: number; readonly recipe: Recipe },
): Promise<Counts[]> {
  const fitted = await fitLabel(work, gallery, supports, label.value, label.recipe);
  gallery.limit();
  try {
    const found: Counts[] = [];
    for (const example of queries) {
      const query = new Query(example.picture, gallery);
      const { probability } = await askLabel(work, fitted, query, { clicks: null, spread: false });
      found.push(countPixels(probability, binaryMask(example, label.value)));
      gallery.limit();
    }
    return found;
  } finally {
    fitted.close();
  }
}

function countPixels(probability: Float32Array, mask: Uint8Array): Counts {
  let [both, predicted, truth] = [0, 0, 0];
  for (let at = 0; at < mask.length; at++) {
    const inside = (probability[at] as number) >= 0.5;
    if (inside) predicted += 1;
    if (mask[at] === 1) truth += 1;
    if (inside && mask[at] === 1) both += 1;
  }
  return { both, predicted, truth };
}

/** Blocks that the slices of a single volume are left out in. */
const BLOCKS = 4;

/**
 * Examples that are left out together: those of one group. Where all are of one, blocks of neighbouring
 * slices, because a slice is no test for a task that has seen the next one.
 */
export function groupsOf(examples: readonly PreparedExample[]): PreparedExample[][] {
  const groups = groupBy(examples, ({ group }) => group);
  if (groups.length !== 1 || examples.length < 2) return groups;
  const ordered = [...examples].sort((a, b) => (a.index ?? 0) - (b.index ?? 0));
  const blocks = Math.min(BLOCKS, ordered.length);
  return Array.from({ length: blocks }, (_, at) =>
    ordered.slice(
      Math.floor((at * ordered.length) / blocks),
      Math.floor(((at + 1) * ordered.length) / blocks),
    ),
  );
}
