/** What can be fitted; `baseline` is the network of another method. */
export const ENGINES = ['learned', 'training-free', 'threshold', 'copy', 'baseline'] as const;
/** Of `learned` and `training-free`; see TaskOptions. */
export const OUTPUTS = ['mean', 'dense', 'refined'] as const;
/** Second engines. */
export const PARTNERS = ['none', 'threshold'] as const;

/** Levels of grey as they are, on the picture's own range, or relative to its median; the first without evidence. */
export const SCALES = ['given', 'stretched', 'relative'] as const;

/**
 * What of a picture engines see: the picture as it is, or its local contrast (native/core/support/flatten.h), that of
 * its grey or of one colour: what is thin or faint then stands out alike everywhere.
 */
export const LOOKS = ['given', 'flat', 'flat-red', 'flat-green', 'flat-blue'] as const;
export type Look = (typeof LOOKS)[number];

/** How a native engine is fitted: FitOptions of native/core/support/engine.h. */
export interface FitOptions {
  readonly engine: (typeof ENGINES)[number];
  readonly output?: (typeof OUTPUTS)[number];
  /** Weight of the location prior, 0 to 1. */
  readonly location?: number;
  readonly temperature?: number;
  /** Of `threshold`: what levels of grey are levels of; `any` where left out: what fits the examples best. */
  readonly scale?: (typeof SCALES)[number];
  /** Side of the encoder's input at which pictures are seen; the model's own where left out. */
  readonly size?: number;
  /** `given` where left out. */
  readonly look?: Look;
  /** The probability from which on a pixel is target; 0.5 where left out. */
  readonly cutoff?: number;
  readonly ensemble?: number;
  readonly subset?: number;
  readonly seed?: number;
}

/** How a picture is shown to the engine; from the simplest. */
export const VIEWS = ['whole', 'crop', 'tiles-2', 'tiles-4'] as const;
export type View = (typeof VIEWS)[number];

/** Everything that was decided for one label. */
export interface Recipe {
  readonly view: View;
  /** The engine of the whole picture or of its tiles. */
  readonly first: FitOptions;
  /** A second engine on the same view, if the mean of both does better than either. */
  readonly partner: FitOptions | null;
  /** With `crop`: the engine of the second pass. */
  readonly second: FitOptions | null;
  /** Everything once more on mirrored pictures, and the mean of both. */
  readonly flips: boolean;
}

/** One engine on one view. */
export function plainRecipe(view: View, first: FitOptions, flips: boolean): Recipe {
  return { view, first, partner: null, second: view === 'crop' ? first : null, flips };
}

/** Tiles along each side of the first pass. */
export function tilesAcross(view: View): number {
  return view === 'tiles-2' ? 2 : view === 'tiles-4' ? 4 : 1;
}

/** Tiled views of pictures of which the largest shows more than the model's input, so tiled, could. */
export function tiledViews(
  pictures: readonly { readonly width: number; readonly height: number }[],
  imageSize: number,
): View[] {
  const longest = Math.max(...pictures.map(({ width, height }) => Math.max(width, height)));
  return (['tiles-2', 'tiles-4'] as const).filter((view) => longest > (imageSize * tilesAcross(view)) / 2);
}

/** How many answers it takes the mean of. */
export function answersOf({ first, partner, second, flips }: Recipe): number {
  const members = (fit: FitOptions | null): number => (fit === null ? 0 : (fit.ensemble ?? 1));
  return Math.max(members(first) + members(partner), members(second)) * (flips ? 2 : 1);
}

/** For people: `learned (mean), tiles 2 x 2, mirrored too`. */
export function describeRecipe({ view, first, partner, second, flips }: Recipe): string {
  const parts = [partner === null ? describeFit(first) : `${describeFit(first)} + ${describeFit(partner)}`];
  if (view.startsWith('tiles')) parts.push(`tiles ${tilesAcross(view)} x ${tilesAcross(view)}`);
  if (second !== null) parts.push(`then a crop with ${describeFit(second)}`);
  if (flips) parts.push('mirrored too');
  return parts.join(', ');
}

function describeFit({
  engine,
  output,
  location,
  scale,
  size,
  look = 'given',
  cutoff,
  ensemble = 1,
}: FitOptions): string {
  const detail =
    engine === 'learned' && output !== undefined
      ? ` (${output})`
      : engine === 'training-free' && location !== undefined
        ? ` (${output === undefined ? '' : `${output}, `}location ${location})`
        : scale !== undefined && scale !== 'given'
          ? ` (${scale})`
          : '';
  // What a threshold compares are the picture's own pixels.
  const at = size === undefined || engine === 'threshold' ? '' : ` at ${size} pixels`;
  const seen =
    look === 'given' ? at : `${at} of local contrast${look === 'flat' ? '' : ` in ${look.slice(5)}`}`;
  const from = cutoff === undefined ? '' : ` from ${cutoff}`;
  return `${engine}${detail}${seen}${from}${ensemble > 1 ? ` x ${ensemble}` : ''}`;
}
