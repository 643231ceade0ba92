import type { NativeLook } from '../../types/native.js';
import type { Picture } from './picture.js';
import type { FitOptions, Look } from './recipe.js';

/** Which channel a look takes; -1: the picture's grey. */
const CHANNELS: Readonly<Record<Exclude<Look, 'given'>, number>> = {
  flat: -1,
  'flat-red': 0,
  'flat-green': 1,
  'flat-blue': 2,
};

/** Surroundings as a share of the picture's longer side: they hold what is thin or faint, and organs change within. */
const SURROUNDINGS = 1 / 28;
const LEAST_SURROUNDINGS = 4;

/** How the addon shows the picture, or a part of it, for a fit. */
export function nativeLook(picture: Picture, { size = 0, look = 'given' }: Sight): NativeLook {
  if (look === 'given') return { side: size };
  const { width, height, wholeSide = Math.max(width, height) } = picture;
  const radius = Math.max(LEAST_SURROUNDINGS, Math.round(wholeSide * SURROUNDINGS));
  return { side: size, radius, channel: CHANNELS[look] };
}

/** What of a fit says how pictures are shown. */
export type Sight = Pick<FitOptions, 'size' | 'look'>;

/** For comparing and as a key. */
export function sightKey({ size = 0, look = 'given' }: Sight): string {
  return `${size},${look}`;
}

/** The looks that are worth a try beside the pictures as they are. */
export function looksFor(pictures: readonly Picture[]): Look[] {
  const coloured = pictures.some(({ channels }) => channels === 3);
  return coloured ? ['flat-red', 'flat-green', 'flat-blue'] : ['flat'];
}
