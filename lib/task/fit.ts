import type { NativeExample, NativeTask } from '../../types/native.js';
import { evenly } from '../evenly.js';
import { binaryMask, type PreparedExample } from './example.js';
import type { Gallery } from './gallery.js';
import type { Work } from './host.js';
import type { Sight } from './look.js';
import { type FitOptions, type Recipe, tilesAcross } from './recipe.js';
import { boxOf, cropRound, cut, type Region, tilesOf, wholeOf } from './region.js';

/** What native tasks are fitted for. */
export const PASSES = ['first', 'partner', 'second'] as const;
export type Pass = (typeof PASSES)[number];
/** A native task of one pass. */
export type Part = Pass | `${Pass}-mirrored`;

/** One label, fitted. */
export class FittedLabel {
  constructor(
    readonly value: number,
    readonly recipe: Recipe,
    readonly parts: ReadonlyMap<Part, NativeTask>,
  ) {}

  part(pass: Pass, mirrored: boolean): NativeTask {
    return this.parts.get(mirrored ? `${pass}-mirrored` : pass) as NativeTask;
  }

  close(): void {
    for (const task of this.parts.values()) task.close();
  }
}

/** Encoded tiles are large; so many hold all that a task needs to know. */
export const MOST_TILES = 128;

/** Part of an example with its share of the mask. */
export interface ExamplePart {
  readonly example: PreparedExample;
  readonly region: Region;
  /** [height, width] of the region, 0 or 1 */
  readonly mask: Uint8Array;
  readonly shows: boolean;
}

/** The examples as the first pass sees them: whole, or in tiles. */
export function firstParts(
  examples: readonly PreparedExample[],
  value: number,
  across: number,
): ExamplePart[] {
  const parts = examples.flatMap((example) => {
    const mask = binaryMask(example, value);
    const { picture } = example;
    const regions = across === 1 ? [wholeOf(picture)] : tilesOf(picture, across);
    return regions.map((region) => part(example, mask, region));
  });
  if (across === 1 || parts.length <= MOST_TILES) return parts;
  // Tiles that show the target say most; the others say where it is not, so a quarter of the places is theirs.
  const showing = parts.filter(({ shows }) => shows);
  const empty = parts.filter(({ shows }) => !shows);
  const places = Math.min(
    showing.length,
    Math.max(MOST_TILES - empty.length, Math.ceil((3 * MOST_TILES) / 4)),
  );
  return [...evenly(showing, places), ...evenly(empty, MOST_TILES - places)];
}

/** The examples cropped round the target. */
function secondParts(examples: readonly PreparedExample[], value: number): ExamplePart[] {
  return examples.flatMap((example) => {
    const mask = binaryMask(example, value);
    const { picture } = example;
    const box = boxOf(picture.width, picture.height, (at) => mask[at] === 1);
    return box === null ? [] : [part(example, mask, cropRound(box, picture))];
  });
}

function part(example: PreparedExample, mask: Uint8Array, region: Region): ExamplePart {
  const own = cut(mask, example.picture.width, 1, region);
  return { example, region, mask: own, shows: own.includes(1) };
}

/** The parts as the addon takes them. `groups`: the examples that are left out together, where that matters. */
export async function nativeExamples(
  work: Work,
  gallery: Gallery,
  parts: readonly ExamplePart[],
  {
    mirrored = false,
    sight,
    groups = [],
  }: {
    readonly mirrored?: boolean;
    readonly sight: Sight;
    readonly groups?: readonly (readonly PreparedExample[])[];
  },
): Promise<NativeExample[]> {
  const groupOf = new Map(groups.flatMap((group, at) => group.map((example) => [example, at] as const)));
  const out: NativeExample[] = [];
  for (const [at, { example, region, mask }] of parts.entries()) {
    work.progress('encode', at / parts.length);
    const embedding = await gallery.get(work, example.picture, region, { mirrored, sight });
    out.push({
      embedding,
      mask: mirrored ? cut(mask, region.width, 1, wholeOf(region), true) : mask,
      group: groupOf.get(example) ?? 0,
    });
  }
  return out;
}

/** Fits a recipe to examples that all show the label. Encoded parts stay in the gallery. */
export async function fitLabel(
  work: Work,
  gallery: Gallery,
  examples: readonly PreparedExample[],
  value: number,
  recipe: Recipe,
): Promise<FittedLabel> {
  const parts = new Map<Part, NativeTask>();
  try {
    for (const mirrored of recipe.flips ? [false, true] : [false]) {
      const suffix = mirrored ? '-mirrored' : '';
      const seenFirst = firstParts(examples, value, tilesAcross(recipe.view));
      const passes: [Pass, ExamplePart[], FitOptions | null][] = [
        ['first', seenFirst, recipe.first],
        ['partner', seenFirst, recipe.partner],
        ['second', secondParts(examples, value), recipe.second],
      ];
      for (const [pass, seen, options] of passes) {
        if (options === null) continue;
        const native = await nativeExamples(work, gallery, seen, { mirrored, sight: options });
        parts.set(`${pass}${suffix}` as Part, await work.fit(native, options));
      }
    }
    return new FittedLabel(value, recipe, parts);
  } catch (error) {
    for (const task of parts.values()) task.close();
    throw error;
  }
}
