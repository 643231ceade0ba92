import { groupBy } from '../group-by.js';
import { candidatesFor, forcedLook } from './candidates.js';
import { ceiling } from './ceiling.js';
import { crossPredict, diceOf, groupsOf } from './cross-predict.js';
import { type PreparedExample, pixelsOf } from './example.js';
import { evenly, firstParts, nativeExamples } from './fit.js';
import { Gallery } from './gallery.js';
import type { LeftOut, Work } from './host.js';
import { looksFor, sightKey, sightOf } from './look.js';
import type { TaskSettings } from './options.js';
import { type FitOptions, type Recipe, tilesAcross, type View } from './recipe.js';
import { mean } from './statistics.js';

/** A candidate and how well it did on examples that it had not seen. */
export interface Trial {
  readonly recipe: Recipe;
  /** Dice of each example that was left out, by its digest. */
  readonly dice: ReadonlyMap<string, number>;
}

export interface Choice {
  readonly recipe: Recipe;
  /** What was tried, in the order of trust; empty where nothing was left to choose or to choose by. */
  readonly trials: readonly Trial[];
}

/** What a choice needs to know beside the examples. */
export interface ChoiceContext {
  readonly work: Work;
  readonly gallery: Gallery;
  readonly settings: TaskSettings;
  readonly hasTaskEncoder: boolean;
  /** Side of the encoder's input. */
  readonly imageSize: number;
  /** Side of the masks that come of it, before they are drawn at the picture's pixels. */
  readonly lowResSize: number;
  /** See inputSizes. */
  readonly sizes: readonly (number | undefined)[];
}

/** Left-out sources that a choice is made by: with more, its error hardly falls and its cost still grows. */
const MOST_GROUPS = 16;
/** Of them, those that candidates of two engines or passes are tried on: every one costs two fits. */
const COSTLY_GROUPS = 8;
/** Encoded pictures, and encoded tiles, that take part in a choice. */
const CHOICE_PICTURES = 32;
const CHOICE_TILES = 64;
/** Whole pictures that do so well leave tiles little to gain for four or sixteen times the work. */
const GOOD_ENOUGH = 0.9;
/** Below this share of the picture a target covers so few cells of the encoder's grid that a closer look can pay. */
const SMALL_TARGET = 0.03;
/**
 * Dice that a grid must be able to reach to be trusted without evidence. What is compact loses little on a coarse one,
 * and where it lies is seen better there; what is thin is gone.
 */
const FINE_ENOUGH = 0.75;
/** The mean of two engines that are further apart than this can hardly beat the better one. */
const NEAR = 0.15;
/** Where the others do worse, the training-free engine beside a task encoder is worth its time. */
const POOR = 0.7;

/**
 * Decides how one label is segmented, by leave-one-out on the examples that show it. A later, more involved
 * candidate replaces an earlier one only where its mean Dice is better by more than `margin`. With a single source
 * nothing can be left out: the first candidate that the settings allow is taken, of a learned one the first size at
 * which the target can be shown at all; or a threshold, where that draws the example itself better.
 */
export async function chooseRecipe(
  context: ChoiceContext,
  examples: readonly PreparedExample[],
  value: number,
): Promise<Choice> {
  const { settings } = context;
  const { flips, view, partner } = settings;
  const withPartner = (recipe: Recipe): Recipe =>
    partner === 'threshold' && recipe.first.engine !== 'threshold'
      ? { ...recipe, partner: { engine: 'threshold', ...forcedLook(settings) } }
      : recipe;
  const candidates = candidatesFor(settings, context.hasTaskEncoder, context.sizes);
  const recipeOf = (view: View, first: FitOptions): Recipe => ({
    view,
    first,
    partner: null,
    second: view === 'crop' ? first : null,
    flips,
  });
  const prior = recipeOf(view === 'auto' ? 'whole' : view, candidates[0] as FitOptions);
  const groups = limited(groupsOf(examples), MOST_GROUPS, CHOICE_PICTURES);
  if (groups.length < 2) {
    const { view: seen, first } = visible(context, examples, value, candidates, prior);
    const learned = withPartner(recipeOf(seen, first));
    if (settings.engine !== 'auto' || first.engine !== 'learned' || examples.length === 0) {
      return { recipe: learned, trials: [] };
    }
    // Of several scales the one that fits best.
    const scale = settings.scale === 'auto' ? {} : { scale: settings.scale };
    const threshold = recipeOf('whole', { engine: 'threshold', ...scale, ...forcedLook(settings) });
    const better = await drawsBetter(context, examples, value, threshold, learned);
    return { recipe: better ? threshold : learned, trials: [] };
  }
  if (candidates.length === 1 && view !== 'auto') return { recipe: withPartner(prior), trials: [] };
  const trials: Trial[] = [];
  const best = (): Trial => winner(trials);
  if (view === 'auto' || view === 'whole' || view === 'crop') {
    const [sooner, later] = inTwo(candidates);
    // Nobody should do worse than the mask of the most similar example.
    const all: FitOptions[] =
      settings.engine === 'auto' ? [...sooner, { engine: 'copy', ...forcedLook(settings) }] : sooner;
    trials.push(...(await tryFirstPass(context, groups, value, all, 'whole')));
    if (settings.engine === 'auto' && later.length > 0 && mean([...best().dice.values()]) < POOR) {
      trials.push(...(await tryFirstPass(context, groups, value, later, 'whole')));
    }
  }
  if (view === 'tiles-2' || view === 'tiles-4') {
    trials.push(...(await tryFirstPass(context, groups, value, candidates, view)));
  }
  if (view === 'crop') {
    const { recipe } = best();
    return { recipe: withPartner(recipeOf('crop', recipe.first)), trials };
  }
  const seenSoFar = (): Trial[] =>
    trials.filter(({ recipe }) => recipe.first.engine !== 'threshold' && recipe.first.engine !== 'copy');
  if (settings.look === 'auto' && mean([...best().dice.values()]) < GOOD_ENOUGH) {
    const shown = best().recipe.view;
    const fits = lookingCloser(trials, seenSoFar());
    for (const look of looksFor(examples.map(({ picture }) => picture))) {
      const flat = fits.map((fit): FitOptions => ({ ...fit, look }));
      trials.push(...(await tryFirstPass(context, groups, value, flat, shown)));
    }
  }
  const seeing = seenSoFar();
  if (view === 'auto' || view === 'whole') {
    const pairs = partner === 'auto' ? [nearThreshold(trials, seeing), nearSight(seeing)] : [];
    for (const pair of pairs) {
      if (pair !== null) trials.push(await tryCostly(context, groups, value, pair));
    }
  }
  if (view === 'auto') {
    // A threshold sees no more in a part of the picture; what has been learned may, also where grey does better so far.
    const fits =
      seeing.length === 0
        ? []
        : uniqueFits(
            [
              seeing,
              ...groupBy(seeing.filter(isGiven), ({ recipe }) => `${recipe.first.size}`),
              seeing.filter((trial) => !isGiven(trial)),
            ]
              .filter((trials) => trials.length > 0)
              .map((trials) => winner(trials).recipe.first)
              .concat(seeing[0]!.recipe.first)
              .map(uncut),
          );
    if (fits.length > 0 && targetShare(examples, value) < SMALL_TARGET) {
      const { first } = winner(trials.filter(({ recipe }) => recipe.partner === null)).recipe;
      for (const second of fits) {
        trials.push(
          await tryCostly(context, groups, value, { view: 'crop', first, partner: null, second, flips }),
        );
      }
    }
    const longest = Math.max(...examples.map(({ picture }) => Math.max(picture.width, picture.height)));
    for (const tiled of fits.length > 0 ? (['tiles-2', 'tiles-4'] as const) : []) {
      const useful = longest > (context.imageSize * tilesAcross(tiled)) / 2;
      if (!useful || mean([...best().dice.values()]) >= GOOD_ENOUGH) break;
      trials.push(...(await tryFirstPass(context, groups, value, fits, tiled)));
      if (best().recipe.view !== tiled) break;
    }
  }
  const { recipe } = best();
  return { recipe: withPartner({ ...recipe, flips }), trials };
}

/**
 * Without evidence: the first way of looking whose grid can show the target, sizes on whole pictures in the order of
 * trust, then tiles; the one that shows it best where none can.
 */
function visible(
  { settings, imageSize, lowResSize }: ChoiceContext,
  examples: readonly PreparedExample[],
  value: number,
  candidates: readonly FitOptions[],
  prior: Recipe,
): Pick<Recipe, 'view' | 'first'> {
  if (prior.first.engine !== 'learned' || examples.length === 0) return prior;
  const learned = candidates.filter(
    ({ engine, output }) => engine === 'learned' && output === prior.first.output,
  );
  const whole = learned.map((first) => ({ view: prior.view, first, across: 1 }));
  const longest = Math.max(...examples.map(({ picture }) => Math.max(picture.width, picture.height)));
  // Tiles are seen at the model's own size.
  const tiled = learned
    .filter(({ size }) => size === undefined && settings.view === 'auto')
    .flatMap((first) =>
      (['tiles-2', 'tiles-4'] as const).map((view) => ({ view, first, across: tilesAcross(view) })),
    )
    .filter(({ across }) => longest > (imageSize * across) / 2);
  const shown = [...whole, ...tiled].map((way) => ({
    ...way,
    best: mean(
      examples.map((each) =>
        ceiling(each, value, (way.across * lowResSize * (way.first.size ?? imageSize)) / imageSize),
      ),
    ),
  }));
  return (
    shown.find(({ best }) => best >= FINE_ENOUGH) ??
    shown.reduce((held, next) => (next.best > held.best ? next : held))
  );
}

/**
 * Whether one recipe draws the examples that it was fitted to better than another. Of a threshold that says how well
 * grey can tell the target at all; where it does so better than what has been learned does with the answer before it,
 * it is worth more on new pictures too.
 */
async function drawsBetter(
  { work, gallery }: ChoiceContext,
  examples: readonly PreparedExample[],
  value: number,
  one: Recipe,
  other: Recipe,
): Promise<boolean> {
  const label = (recipe: Recipe) => ({ value, recipe: { ...recipe, flips: false } });
  const [a, b] = [
    await crossPredict(work, gallery, examples, examples, label(one)),
    await crossPredict(work, gallery, examples, examples, label(other)),
  ];
  return mean(a.map(diceOf)) > mean(b.map(diceOf));
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

/** What has been learned and the threshold together, where neither is far worse; null else. */
function nearThreshold(trials: readonly Trial[], seeing: readonly Trial[]): Recipe | null {
  const thresholds = trials.filter(({ recipe }) => recipe.first.engine === 'threshold');
  if (thresholds.length === 0 || seeing.length === 0) return null;
  const threshold = winner(thresholds);
  return together(winner(seeing), threshold);
}

/** Two engines that answer together, the first one's view; null where they are too far apart. */
function together(best: Trial, other: Trial): Recipe | null {
  const apart = Math.abs(mean([...best.dice.values()]) - mean([...other.dice.values()]));
  return apart > NEAR ? null : { ...best.recipe, partner: other.recipe.first };
}

/** The best size and look and the next best together, where that is not far worse; null else. */
function nearSight(seeing: readonly Trial[]): Recipe | null {
  if (seeing.length === 0) return null;
  const best = winner(seeing);
  const others = seeing.filter(
    ({ recipe }) =>
      recipe.first.engine === 'learned' && sightKey(recipe.first) !== sightKey(best.recipe.first),
  );
  if (best.recipe.first.engine !== 'learned' || others.length === 0) return null;
  return together(best, winner(others));
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

/** Leave-one-out of whole pictures or tiles; tiles of an example are counted together. */
async function tryFirstPass(
  { work, gallery, settings }: ChoiceContext,
  groups: readonly (readonly PreparedExample[])[],
  value: number,
  candidates: readonly FitOptions[],
  view: View,
): Promise<Trial[]> {
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
      const native = await nativeExamples(work, own, parts, { groups: seen, sight: sightOf(fits[0]!) });
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
      return { recipe: { view, first, partner: null, second: null, flips: settings.flips }, dice };
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

/** Leave-one-out of a recipe with two engines or two passes. */
async function tryCostly(
  { work, gallery }: ChoiceContext,
  groups: readonly (readonly PreparedExample[])[],
  value: number,
  recipe: Recipe,
): Promise<Trial> {
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

/**
 * Candidates to try at once, and those to try only where they fail: beside a task encoder the training-free engine,
 * which costs a dozen passes of the decoder for each picture and hardly ever does better.
 */
function inTwo(candidates: readonly FitOptions[]): [FitOptions[], FitOptions[]] {
  const free = candidates.filter(({ engine }) => engine === 'training-free');
  const others = candidates.filter(({ engine }) => engine !== 'training-free');
  return others.some(({ engine }) => engine === 'learned') ? [others, free] : [[...candidates], []];
}

/** What to try on a picture's local contrast: the best of what has been learned, and a threshold. */
function lookingCloser(trials: readonly Trial[], seeing: readonly Trial[]): FitOptions[] {
  const learned = seeing.filter(({ recipe }) => recipe.first.engine === 'learned');
  const best = learned.length === 0 ? null : uncut(winner(learned).recipe.first);
  const threshold = trials.some(({ recipe }) => recipe.first.engine === 'threshold');
  // At the same size, so that a picture is encoded once for both; all local contrast is on one scale.
  const size = best?.size === undefined ? {} : { size: best.size };
  return [
    ...(best === null ? [] : [best]),
    ...(threshold ? [{ engine: 'threshold', scale: 'given', ...size } as const] : []),
  ];
}

function isGiven({ recipe }: Trial): boolean {
  return (recipe.first.look ?? 'given') === 'given';
}

/** Median share of the picture that the target covers. */
function targetShare(examples: readonly PreparedExample[], value: number): number {
  const shares = examples
    .map((example) => pixelsOf(example, value) / example.mask.length)
    .sort((a, b) => a - b);
  return shares[Math.floor(shares.length / 2)] as number;
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

/** A fit with the cutoff to be chosen anew: it belongs to the view that it was chosen for. */
function uncut({ cutoff: _cutoff, ...fit }: FitOptions): FitOptions {
  return fit;
}

function uniqueFits(fits: readonly FitOptions[]): FitOptions[] {
  return [...new Map(fits.map((fit) => [JSON.stringify(fit), fit])).values()];
}
