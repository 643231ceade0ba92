import { groupBy } from '../group-by.js';
import { forcedLook } from './candidates.js';
import type { ChoiceContext } from './choice-context.js';
import { type PreparedExample, pixelsOf } from './example.js';
import type { LeaveOneOut } from './leave-one-out.js';
import { looksFor, sightKey } from './look.js';
import { type FitOptions, plainRecipe, type Recipe, tiledViews } from './recipe.js';
import { scoreOf, type Trial, uncut, winner } from './trial.js';

/** Whole pictures that do so well leave tiles little to gain for four or sixteen times the work. */
const GOOD_ENOUGH = 0.9;
/** Below this share of the picture a target covers so few cells of the encoder's grid that a closer look can pay. */
const SMALL_TARGET = 0.03;
/** The mean of two engines that are further apart than this can hardly beat the better one. */
const NEAR = 0.15;
/** Where the others do worse, the training-free engine beside a task encoder is worth its time. */
const POOR = 0.7;

/**
 * The candidates for one label, from the simplest to the most costly, each step only where the ones before leave
 * something to gain. A later, more involved one replaces an earlier one only where its mean Dice is better by more than
 * `margin`.
 */
export class Search {
  readonly trials: Trial[] = [];

  constructor(
    private readonly context: ChoiceContext,
    private readonly leaveOneOut: LeaveOneOut,
    private readonly examples: readonly PreparedExample[],
    private readonly value: number,
    private readonly candidates: readonly FitOptions[],
  ) {}

  async recipe(): Promise<Recipe> {
    const { view, flips, look, partner } = this.context.settings;
    if (view === 'tiles-2' || view === 'tiles-4') await this.tryFirst(this.candidates, view);
    else await this.wholePictures();
    if (view === 'crop') return plainRecipe('crop', this.best.recipe.first, flips);
    if (look === 'auto' && scoreOf(this.best) < GOOD_ENOUGH) await this.localContrast();
    if (partner === 'auto' && (view === 'auto' || view === 'whole')) await this.pairs();
    if (view === 'auto') await this.closerLooks();
    return { ...this.best.recipe, flips };
  }

  private get best(): Trial {
    return winner(this.trials);
  }

  /** Trials of engines that see more than grey levels of pixels. */
  private get seeing(): Trial[] {
    return this.trials.filter(
      ({ recipe: { first } }) => first.engine !== 'threshold' && first.engine !== 'copy',
    );
  }

  private async tryFirst(...[candidates, view]: Parameters<LeaveOneOut['firstPass']>): Promise<void> {
    this.trials.push(...(await this.leaveOneOut.firstPass(candidates, view)));
  }

  private async tryCostly(recipe: Recipe): Promise<void> {
    this.trials.push(await this.leaveOneOut.costly(recipe));
  }

  private async wholePictures(): Promise<void> {
    const { settings } = this.context;
    const auto = settings.engine === 'auto';
    const [sooner, later] = inTwo(this.candidates);
    // Nobody should do worse than the mask of the most similar example. Of a single volume, though, the slice next to
    // a block that is left out flatters it.
    const copy: FitOptions = { engine: 'copy', ...forcedLook(settings) };
    await this.tryFirst(auto && this.leaveOneOut.bySource ? [...sooner, copy] : sooner, 'whole');
    if (auto && later.length > 0 && scoreOf(this.best) < POOR) await this.tryFirst(later, 'whole');
  }

  private async localContrast(): Promise<void> {
    const { view } = this.best.recipe;
    const fits = lookingCloser(this.trials, this.seeing);
    for (const look of looksFor(this.examples.map(({ picture }) => picture))) {
      await this.tryFirst(
        fits.map((fit) => ({ ...fit, look })),
        view,
      );
    }
  }

  private async pairs(): Promise<void> {
    const { trials, seeing } = this;
    for (const pair of [nearThreshold(trials, seeing), nearSight(seeing)]) {
      if (pair !== null) await this.tryCostly(pair);
    }
  }

  /** Crops and tiles. */
  private async closerLooks(): Promise<void> {
    const { examples, value, context } = this;
    // A threshold sees no more in a part of the picture; what has been learned may, also where grey does better so far.
    const fits = leading(this.seeing);
    if (fits.length === 0) return;
    if (targetShare(examples, value) < SMALL_TARGET) {
      const { first } = winner(this.trials.filter(({ recipe }) => recipe.partner === null)).recipe;
      for (const second of fits) {
        await this.tryCostly({ ...plainRecipe('crop', first, context.settings.flips), second });
      }
    }
    const pictures = examples.map(({ picture }) => picture);
    for (const tiled of tiledViews(pictures, context.imageSize)) {
      if (scoreOf(this.best) >= GOOD_ENOUGH) break;
      await this.tryFirst(fits, tiled);
      if (this.best.recipe.view !== tiled) break;
    }
  }
}

/** What a closer look may pay for: the best, the best of each size, the best on local contrast, and the first. */
function leading(seeing: readonly Trial[]): FitOptions[] {
  const first = seeing[0];
  if (first === undefined) return [];
  const bySize = groupBy(seeing.filter(isGiven), ({ recipe }) => `${recipe.first.size}`);
  const flat = seeing.filter((trial) => !isGiven(trial));
  const leaders = [seeing, ...bySize, flat].filter((trials) => trials.length > 0).map(winner);
  const fits = [...leaders, first].map(({ recipe }) => uncut(recipe.first));
  return [...new Map(fits.map((fit) => [JSON.stringify(fit), fit])).values()];
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
  const apart = Math.abs(scoreOf(best) - scoreOf(other));
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
