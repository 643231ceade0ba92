import { evenly } from '../evenly.js';
import { Random } from '../statistics/random.js';
import { crossPredict, diceOf } from './cross-predict.js';
import type { PreparedExample } from './example.js';
import type { Gallery } from './gallery.js';
import type { Work } from './host.js';
import type { Recipe } from './recipe.js';
import { deviation, mean } from './statistics.js';

/** Mean Dice on examples that were left out, by the number of those that were not. */
export interface CurvePoint {
  readonly examples: number;
  readonly dice: number;
  readonly standardError: number;
}

/** Support sets drawn of each size. */
const DRAWS = 3;
/** Examples predicted for each of them. */
const MOST_QUERIES = 8;
const LEAST_GROUPS = 4;

/**
 * The curve at about n/4 and n/2 examples, and at n - 1, which is leave-one-out itself. Sources stay together.
 * Empty with fewer than four sources.
 */
export async function learningCurve(
  context: {
    readonly work: Work;
    readonly gallery: Gallery;
    readonly label: { readonly value: number; readonly recipe: Recipe };
    readonly progress: (fraction: number) => void;
  },
  groups: readonly (readonly PreparedExample[])[],
  leftOut: readonly number[],
): Promise<CurvePoint[]> {
  const n = groups.length;
  if (n < LEAST_GROUPS) return [];
  const sizes = [...new Set([Math.max(1, Math.round(n / 4)), Math.round(n / 2)])].filter(
    (size) => size < n - 1,
  );
  const { work, gallery, label, progress } = context;
  const random = new Random(n);
  const points: CurvePoint[] = [];
  for (const [step, size] of sizes.entries()) {
    const dice: number[] = [];
    for (let draw = 0; draw < DRAWS; draw++) {
      progress((step + draw / DRAWS) / sizes.length);
      const shuffled = random.shuffle(groups);
      const supports = shuffled.slice(0, size).flat();
      const queries = evenly(shuffled.slice(size).flat(), MOST_QUERIES);
      dice.push(...(await crossPredict(work, gallery, supports, queries, label)).map(diceOf));
    }
    points.push(pointOf(size, dice));
  }
  return [...points, pointOf(n - 1, leftOut)];
}

function pointOf(examples: number, dice: readonly number[]): CurvePoint {
  return { examples, dice: mean(dice), standardError: deviation(dice) / Math.sqrt(dice.length) };
}
