import type { FitOptions, Recipe } from './recipe.js';
import { mean } from './statistics.js';

/** A candidate and how well it did on examples that it had not seen. */
export interface Trial {
  readonly recipe: Recipe;
  /** Dice of each example that was left out, by its digest. */
  readonly dice: ReadonlyMap<string, number>;
}

/** Mean Dice. */
export function scoreOf({ dice }: Trial): number {
  return mean([...dice.values()]);
}

/**
 * How much better a candidate must be than the one before it: one standard error of the mean of their paired
 * differences, as in the one-standard-error rule of Breiman et al. (1984), but no less than a point of Dice, which is
 * noise to users, and no more than five, which a handful of examples may be too few to prove and is still the better
 * bet.
 */
export function margin(differences: readonly number[]): number {
  const n = differences.length;
  const centre = mean(differences);
  const variance = differences.reduce((sum, each) => sum + (each - centre) ** 2, 0) / Math.max(1, n - 1);
  return Math.min(0.05, Math.max(0.01, n < 2 ? 0.05 : Math.sqrt(variance / n)));
}

/** The trial that no earlier one comes near; compared on the examples that both have seen. */
export function winner(trials: readonly Trial[]): Trial {
  return trials.reduce((holder, challenger) => {
    const differences = [...challenger.dice].flatMap(([digest, dice]) => {
      const other = holder.dice.get(digest);
      return other === undefined || Number.isNaN(dice - other) ? [] : [dice - other];
    });
    return differences.length > 0 && mean(differences) > margin(differences) ? challenger : holder;
  });
}

/** A fit with the cutoff to be chosen anew: it belongs to the view that it was chosen for. */
export function uncut({ cutoff: _cutoff, ...fit }: FitOptions): FitOptions {
  return fit;
}
