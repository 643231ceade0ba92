import { GmisegError } from '../errors.js';
import { affineColumn, affineSpacing, norm } from './affine.js';
import type { Affine, MaskVolume, Volume, VoxelArray } from './types.js';

/**
 * Where a volume's axes point, one letter each for i, j and k: R, A, S towards the patient's right, front and
 * head, L, P, I the other way. `RAS` is the canonical order, `LPS` what DICOM mostly holds.
 */
export type Orientation = string;

const LETTERS = [
  ['L', 'R'],
  ['P', 'A'],
  ['I', 'S'],
] as const;

/** For each axis of the result: the source's axis and whether it runs backwards. */
type Turn = readonly { readonly from: 0 | 1 | 2; readonly flip: boolean }[];

/** The orientation that is nearest to an affine's axes (oblique grids point nowhere exactly). */
export function orientationOf(affine: Affine): Orientation {
  const cosines = ([0, 1, 2] as const).map((c) => {
    const column = affineColumn(affine, c);
    const length = norm(column) || 1;
    return column.map((value) => value / length);
  });
  const letters = ['', '', ''];
  const taken = new Set<number>();
  // The clearest pair of axes first: what is left has no choice.
  for (let step = 0; step < 3; step++) {
    let best = { axis: -1, world: -1, size: -1 };
    for (let axis = 0; axis < 3; axis++) {
      if (letters[axis] !== '') continue;
      for (let world = 0; world < 3; world++) {
        const size = Math.abs(cosines[axis]![world]!);
        if (!taken.has(world) && size > best.size + 1e-9) best = { axis, world, size };
      }
    }
    taken.add(best.world);
    letters[best.axis] = LETTERS[best.world]![cosines[best.axis]![best.world]! >= 0 ? 1 : 0];
  }
  return letters.join('');
}

/**
 * Checks an orientation's spelling and returns it in capitals.
 * @throws GmisegError ERR_INVALID_ARG
 */
export function parseOrientation(text: string): Orientation {
  const letters = text.toUpperCase();
  const worlds = [...letters].map((letter) => LETTERS.findIndex((pair) => pair.includes(letter as never)));
  if (worlds.length === 3 && new Set(worlds).size === 3 && !worlds.includes(-1)) return letters;
  throw new GmisegError(
    'ERR_INVALID_ARG',
    `"${text}" is no orientation; give one of R/L, A/P and S/I each, for example RAS or LPS`,
  );
}

function turnBetween(from: Orientation, to: Orientation): Turn {
  return [...to].map((letter) => {
    const pair = LETTERS.find((letters) => letters.includes(letter as never))!;
    const axis = [...from].findIndex((other) => pair.includes(other as never)) as 0 | 1 | 2;
    return { from: axis, flip: from[axis] !== letter };
  });
}

function turnData<T extends VoxelArray>(
  data: T,
  shape: readonly [number, number, number],
  frames: number,
  turn: Turn,
): T {
  const steps = [1, shape[0], shape[0] * shape[1]];
  const size = turn.map(({ from }) => shape[from]);
  const step = turn.map(({ from, flip }) => (flip ? -steps[from]! : steps[from]!));
  const start = turn.reduce((sum, { from, flip }) => sum + (flip ? (shape[from] - 1) * steps[from]! : 0), 0);
  const out = new (data.constructor as new (length: number) => T)(data.length);
  const voxels = shape[0] * shape[1] * shape[2];
  let at = 0;
  for (let frame = 0; frame < frames; frame++) {
    for (let k = 0; k < size[2]!; k++) {
      for (let j = 0; j < size[1]!; j++) {
        let from = frame * voxels + start + k * step[2]! + j * step[1]!;
        for (let i = 0; i < size[0]!; i++, from += step[0]!) out[at++] = data[from]!;
      }
    }
  }
  return out;
}

type Grid = Pick<Volume, 'shape' | 'spacing' | 'affine'>;

function turnGrid({ shape, affine }: Grid, turn: Turn): Grid {
  const turned = [...affine];
  for (let r = 0; r < 3; r++) {
    turn.forEach(({ from, flip }, axis) => {
      turned[4 * r + axis] = (flip ? -1 : 1) * affine[4 * r + from]! + 0;
      if (flip) turned[4 * r + 3]! += (shape[from] - 1) * affine[4 * r + from]!;
    });
  }
  return {
    shape: turn.map(({ from }) => shape[from]) as unknown as Volume['shape'],
    affine: turned,
    spacing: affineSpacing(turned),
  };
}

/** The grid that reorient gives; no voxel is moved for it. @throws GmisegError ERR_INVALID_ARG */
export function reorientGrid(grid: Grid, to: Orientation): Grid {
  return turnGrid(grid, turnBetween(orientationOf(grid.affine), parseOrientation(to)));
}

/**
 * The volume with its axes permuted and mirrored so that they point as `to` says; nothing is interpolated. A
 * volume that points there already comes back as it is. The affine follows, so that every voxel stays where it
 * is in space. restoreOrientation takes masks back.
 * @throws GmisegError ERR_INVALID_ARG for an orientation that is none
 */
export function reorient<V extends Volume>(volume: V, to: Orientation): V {
  const target = parseOrientation(to);
  const turn = turnBetween(orientationOf(volume.affine), target);
  if (turn.every(({ from, flip }, axis) => from === axis && !flip)) return volume;
  return {
    ...volume,
    ...turnGrid(volume, turn),
    data: turnData(volume.data, volume.shape, volume.frames, turn),
    // The file's header speaks of the grid as it was.
    source: {
      format: 'memory',
      warnings: volume.source?.warnings ?? [],
      ...(volume.source?.path === undefined ? {} : { path: volume.source.path }),
    },
  };
}

/**
 * A mask made on reorient(original, from), back on the grid of `original`.
 * @throws GmisegError ERR_SHAPE where the mask does not have the turned volume's shape
 */
export function restoreOrientation(mask: MaskVolume, original: Volume, from: Orientation): MaskVolume {
  const turn = turnBetween(parseOrientation(from), orientationOf(original.affine));
  const shape = turn.map((axis) => mask.shape[axis.from]) as unknown as MaskVolume['shape'];
  if (!shape.every((size, axis) => size === original.shape[axis]))
    throw new GmisegError(
      'ERR_SHAPE',
      `a mask of ${mask.shape.join(' x ')} in ${from} does not fit a volume of ${original.shape.join(' x ')}`,
      { details: { mask: mask.shape, volume: original.shape } },
    );
  return { data: turnData(mask.data, mask.shape, 1, turn), shape };
}
