import type { ChoiceContext } from './choice-context.js';
import { visible } from './choose-blindly.js';
import type { PreparedExample } from './example.js';
import { Gallery } from './gallery.js';
import { LeaveOneOut } from './leave-one-out.js';
import { digestOf } from './picture.js';
import { type FitOptions, plainRecipe, type Recipe, tiledViews, tilesAcross } from './recipe.js';
import { cut, cutPicture } from './region.js';
import { Search } from './search.js';

/** A picture is looked at in so many cells along each side. */
const CELLS = 4;
/** Of the sixteen so many show the target, and something else: a fundus fills no corners. */
const MOST_CELLS = 12;
/** What a cell shows of either must be more than a few stray pixels. */
const LEAST_SHARE = 0.01;
/** Of the picture's longer side; what is thicker is an organ that fills the picture. */
const MOST_THICKNESS = 1 / 20;

/**
 * The recipe for a single example whose target lies all over the picture, such as vessels or membranes: by leave-one-out
 * on its quarters, which are to the whole what tiles are to a new picture. Null where it is not of that kind, or where
 * the settings leave nothing of that kind open.
 */
export async function chooseByQuarters(
  context: ChoiceContext,
  examples: readonly PreparedExample[],
  value: number,
  candidates: readonly FitOptions[],
): Promise<Recipe | null> {
  const { work, settings } = context;
  const [example] = examples;
  if (example === undefined || examples.length > 1 || candidates[0]?.engine !== 'learned') return null;
  const [tiles] = tiledViews([example.picture], context.imageSize);
  if (settings.view !== 'auto' || tiles === undefined || !liesAllOver(example, value)) return null;
  const seen = visible(context, examples, value, candidates).view;
  const view = tilesAcross(seen) > 1 ? seen : tiles;
  const quarters = quartersOf(example);
  const gallery = new Gallery();
  try {
    // Closer looks at a quarter are what tiles have been asked for already.
    const own: ChoiceContext = { ...context, gallery, settings: { ...settings, view: 'whole' } };
    const leaveOneOut = new LeaveOneOut(work, gallery, own.settings, quarters, value);
    const { first, partner } = await new Search(own, leaveOneOut, quarters, value, candidates).recipe();
    // A threshold sees no more in tiles.
    const grey = first.engine === 'threshold' && partner === null;
    return { ...plainRecipe(grey ? 'whole' : view, first, settings.flips), partner };
  } finally {
    gallery.close();
  }
}

/** Whether the target is many thin or small things, everywhere. */
function liesAllOver({ picture, mask }: PreparedExample, value: number): boolean {
  const { width, height } = picture;
  const inside = new Float64Array(CELLS * CELLS);
  const pixels = new Float64Array(CELLS * CELLS);
  let area = 0;
  let edges = 0;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const cell = Math.floor((CELLS * y) / height) * CELLS + Math.floor((CELLS * x) / width);
      const own = mask[at] === value;
      pixels[cell]! += 1;
      if (own) {
        area += 1;
        inside[cell]! += 1;
      }
      if (x > 0 && own !== (mask[at - 1] === value)) edges += 1;
      if (y > 0 && own !== (mask[at - width] === value)) edges += 1;
    }
  }
  const mixed = inside.filter((count, cell) => {
    const share = count / pixels[cell]!;
    return share >= LEAST_SHARE && share <= 1 - LEAST_SHARE;
  });
  // Of a line twice its area over its two sides is its width.
  return mixed.length >= MOST_CELLS && (2 * area) / edges <= MOST_THICKNESS * Math.max(width, height);
}

/** Examples of one group, so that nobody copies the mask of one to another. */
function quartersOf(example: PreparedExample): PreparedExample[] {
  const { picture, mask } = example;
  const { width, height } = picture;
  const [right, down] = [Math.floor(width / 2), Math.floor(height / 2)];
  return [0, 1, 2, 3].map((at) => {
    const x = at % 2 === 0 ? 0 : right;
    const y = at < 2 ? 0 : down;
    const region = { x, y, width: x === 0 ? right : width - right, height: y === 0 ? down : height - down };
    const part = { ...cutPicture(picture, region), wholeSide: Math.max(width, height) };
    const own = cut(mask, width, 1, region);
    return {
      ...example,
      index: at,
      picture: { ...part, sourceWidth: region.width, sourceHeight: region.height },
      mask: own,
      digest: digestOf(part, own),
    };
  });
}
