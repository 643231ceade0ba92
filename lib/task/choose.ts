import { candidatesFor, forcedLook } from './candidates.js';
import type { ChoiceContext } from './choice-context.js';
import { chooseBlindly } from './choose-blindly.js';
import { chooseByQuarters } from './choose-by-quarters.js';
import type { PreparedExample } from './example.js';
import { LeaveOneOut } from './leave-one-out.js';
import { type FitOptions, plainRecipe, type Recipe } from './recipe.js';
import { Search } from './search.js';
import type { Trial } from './trial.js';

export interface Choice {
  readonly recipe: Recipe;
  /** What was tried, in the order of trust; empty where nothing was left to choose or to choose by. */
  readonly trials: readonly Trial[];
}

/**
 * Decides how one label is segmented, by leave-one-out on the examples that show it. With a single example, which
 * cannot be left out, by its quarters, where each shows the target; see chooseByQuarters and chooseBlindly.
 */
export async function chooseRecipe(
  context: ChoiceContext,
  examples: readonly PreparedExample[],
  value: number,
): Promise<Choice> {
  const { work, gallery, settings } = context;
  const candidates = candidatesFor(settings, context.hasTaskEncoder, context.sizes);
  const leaveOneOut = new LeaveOneOut(work, gallery, settings, examples, value);
  const search = new Search(context, leaveOneOut, examples, value, candidates);
  let recipe: Recipe;
  if (!leaveOneOut.possible) {
    recipe =
      (await chooseByQuarters(context, examples, value, candidates)) ??
      (await chooseBlindly(context, examples, value, candidates));
  } else if (candidates.length === 1 && settings.view !== 'auto') {
    recipe = plainRecipe(settings.view, candidates[0] as FitOptions, settings.flips);
  } else {
    recipe = await search.recipe();
  }
  const greyToo = settings.partner === 'threshold' && recipe.first.engine !== 'threshold';
  const partner: FitOptions = { engine: 'threshold', ...forcedLook(settings) };
  return { recipe: greyToo ? { ...recipe, partner } : recipe, trials: search.trials };
}
