import { evenly } from '../evenly.js';
import { groupBy } from '../group-by.js';
import { crossPredict, diceOf, groupsOf } from './cross-predict.js';
import type { PreparedExample } from './example.js';
import { firstParts, nativeExamples } from './fit.js';
import { Gallery } from './gallery.js';
import type { LeftOut, Work } from './host.js';
import { sightKey } from './look.js';
import type { TaskSettings } from './options.js';
import { type FitOptions, plainRecipe, type Recipe, tilesAcross, type View } from './recipe.js';
import { type Trial, uncut, winner } from './trial.js';

/** Left-out sources that a choice is made by: with more, its error hardly falls and its cost still grows. */
const MOST_GROUPS = 16;
/** Of them, those that candidates of two engines or passes are tried on: every one costs two fits. */
const COSTLY_GROUPS = 8;
/** Encoded pictures, and encoded tiles, that take part in a choice. */
const CHOICE_PICTURES = 32;
const CHOICE_TILES = 64;

/** Leave-one-out of one label on the examples that show it. */
export class LeaveOneOut {
  readonly #groups: readonly (readonly PreparedExample[])[];
  /** Whether whole sources are left out, and not blocks of a single one. */
  readonly bySource: boolean;

  constructor(
    private readonly work: Work,
    private readonly gallery: Gallery,
    private readonly settings: TaskSettings,
    examples: readonly PreparedExample[],
    private readonly value: number,
  ) {
    this.#groups = limited(groupsOf(examples), MOST_GROUPS, CHOICE_PICTURES);
    this.bySource = new Set(examples.map(({ group }) => group)).size > 1;
  }

  /** Whether anything is left when one source is left out. */
  get possible(): boolean {
    return this.#groups.length > 1;
  }

  /** Of whole pictures or tiles; tiles of an example are counted together. */
  async firstPass(candidates: readonly FitOptions[], view: View): Promise<Trial[]> {
    const { work, gallery, settings, value } = this;
    const groups = this.#groups;
    const across = tilesAcross(view);
    // Tiles of the choice live only as long as it takes: they are many and large.
    const own = across === 1 ? gallery : new Gallery();
    try {
      const affordable = Math.max(2, Math.floor(CHOICE_TILES / (across * across)));
      const seen = across === 1 ? groups : limited(groups, affordable, affordable);
      const parts = firstParts(seen.flat(), value, across);
      const results = new Map<FitOptions, readonly LeftOut[]>();
      let cutoffs: readonly number[] = [];
      for (const fits of groupBy(candidates, sightKey)) {
        const native = await nativeExamples(work, own, parts, { groups: seen, sight: fits[0]! });
        work.progress('choose', 0);
        const found = await work.leaveOneOut(native, fits);
        for (const [at, fit] of fits.entries()) results.set(fit, found.candidates[at]!);
        cutoffs = found.cutoffs;
        work.progress('choose', 1);
      }
      const trialAt = (fit: FitOptions, cutoff: number): Trial => {
        const at = nearest(cutoffs, cutoff);
        const sums = new Map<string, { both: number; predicted: number; truth: number }>();
        for (const [index, { example }] of parts.entries()) {
          const { both, predicted, truth } = results.get(fit)![index]!;
          const sum = sums.get(example.digest) ?? { both: 0, predicted: 0, truth: 0 };
          sum.both += both[at]!;
          sum.predicted += predicted[at]!;
          sum.truth += truth;
          sums.set(example.digest, sum);
        }
        const dice = new Map([...sums].map(([digest, sum]) => [digest, diceOf(sum)]));
        const first = cutoff === 0.5 ? uncut(fit) : { ...fit, cutoff };
        return { recipe: plainRecipe(view, first, settings.flips), dice };
      };
      return candidates.map((fit) => {
        if (!isGraded(fit)) return trialAt(fit, 0.5);
        const tried = settings.cutoff === null ? cutoffs : [settings.cutoff];
        return winner(tried.map((cutoff) => trialAt(fit, cutoff)));
      });
    } finally {
      if (own !== gallery) own.close();
    }
  }

  /** Of a recipe with two engines or two passes. */
  async costly(recipe: Recipe): Promise<Trial> {
    const { work, gallery, value } = this;
    const groups = this.#groups;
    const dice = new Map<string, number>();
    const left = evenly(groups, COSTLY_GROUPS);
    for (const [at, group] of left.entries()) {
      work.progress('choose', at / left.length);
      const others = groups.filter((other) => other !== group).flat();
      const plain = { ...recipe, flips: false };
      const counts = await crossPredict(work, gallery, others, group, { value, recipe: plain });
      for (const [index, { digest }] of group.entries()) dice.set(digest, diceOf(counts[index]!));
    }
    return { recipe, dice };
  }
}

/** So many groups, and about so many examples in all, evenly spread. */
function limited(
  groups: readonly (readonly PreparedExample[])[],
  mostGroups: number,
  mostExamples: number,
): PreparedExample[][] {
  const kept = evenly(groups, mostGroups);
  return kept.map((group) => evenly(group, Math.max(1, Math.floor(mostExamples / kept.length))));
}

/** Whether what an engine says is a degree of certainty, of which a cutoff can make more or less. */
function isGraded({ engine }: FitOptions): boolean {
  return engine === 'learned' || engine === 'training-free';
}

/** Place of the value that is nearest to another. */
function nearest(values: readonly number[], wanted: number): number {
  const away = values.map((value) => Math.abs(value - wanted));
  return away.indexOf(Math.min(...away));
}
