import { forcedLook } from './candidates.js';
import { ceiling } from './ceiling.js';
import type { ChoiceContext } from './choice-context.js';
import { crossPredict, diceOf } from './cross-predict.js';
import type { PreparedExample } from './example.js';
import { type FitOptions, plainRecipe, type Recipe, tiledViews, tilesAcross, type View } from './recipe.js';
import { mean } from './statistics.js';

/**
 * Dice that a grid must be able to reach to be trusted without evidence. What is compact loses little on a coarse one,
 * and where it lies is seen better there; what is thin is gone.
 */
const FINE_ENOUGH = 0.75;

/**
 * The recipe where nothing can be left out: of a learned candidate the first size at which the target can be shown at
 * all, or a threshold, where that draws the example itself better; else the first candidate that the settings allow.
 */
export async function chooseBlindly(
  context: ChoiceContext,
  examples: readonly PreparedExample[],
  value: number,
  candidates: readonly FitOptions[],
): Promise<Recipe> {
  const { settings } = context;
  const { flips } = settings;
  const plainest = settings.view === 'auto' ? 'whole' : settings.view;
  const prior = candidates[0] as FitOptions;
  if (prior.engine !== 'learned' || examples.length === 0) return plainRecipe(plainest, prior, flips);
  const { view, first } = visible(context, examples, value, candidates);
  const learned = plainRecipe(view, first, flips);
  if (settings.engine !== 'auto') return learned;
  // Of several scales the one that fits best.
  const scale = settings.scale === 'auto' ? {} : { scale: settings.scale };
  const grey: FitOptions = { engine: 'threshold', ...scale, ...forcedLook(settings) };
  const threshold = plainRecipe(plainest, grey, flips);
  return (await drawsBetter(context, examples, value, threshold, learned)) ? threshold : learned;
}

interface Looking {
  readonly view: View;
  readonly first: FitOptions;
}

/**
 * Of the learned candidates the first way of looking whose grid can show the target, sizes in the order of trust on
 * whole pictures or in the view that is forced, then tiles; the one that shows it best where none can.
 */
export function visible(
  { settings, imageSize, lowResSize }: ChoiceContext,
  examples: readonly PreparedExample[],
  value: number,
  candidates: readonly FitOptions[],
): Looking {
  const learned = candidates.filter(
    ({ engine, output }) => engine === 'learned' && output === candidates[0]?.output,
  );
  const given: View = settings.view === 'auto' ? 'whole' : settings.view;
  const plain = learned.map((first) => ({ view: given, first, across: tilesAcross(given) }));
  const pictures = examples.map(({ picture }) => picture);
  const tiles = settings.view === 'auto' ? tiledViews(pictures, imageSize) : [];
  // Tiles are seen at the model's own size.
  const tiled = learned
    .filter(({ size }) => size === undefined)
    .flatMap((first) => tiles.map((view) => ({ view, first, across: tilesAcross(view) })));
  const shown = [...plain, ...tiled].map((way) => ({
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
