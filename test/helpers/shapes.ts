import type { Random } from '../../lib/statistics/random.js';

/** A drawn picture with the truth about it. */
export interface ShapeScene {
  readonly size: number;
  /** [size, size], 0 .. 255 */
  readonly image: Uint8Array;
  /** [size, size], 0 = background, otherwise an index of SHAPE_LABELS */
  readonly mask: Uint8Array;
  /** Label value to pixels; every drawn shape has one of its own kind at most. */
  readonly labels: ReadonlyMap<number, number>;
}

export const SHAPE_LABELS: ReadonlyMap<number, string> = new Map([
  [1, 'blob'],
  [2, 'ellipse'],
  [3, 'ring'],
]);

/** Signed "inside" test of a shape in its own frame: > 0 inside, about 1 per pixel near the edge. */
type Inside = (x: number, y: number) => number;

/**
 * Draws up to three shapes (a blob, an ellipse, a ring; one of each kind at most,
 * never touching) with their own texture on a textured, unevenly lit, noisy
 * background. The same random state gives the same scene.
 */
export function drawShapes(random: Random, size = 128): ShapeScene {
  const mask = new Uint8Array(size * size);
  const ground = random.uniform(60, 190);
  const roughness = random.uniform(4, 18);
  const texture = fractalNoise(random, size, 3 + random.below(3));
  const values = Float32Array.from(texture, (value) => ground + roughness * value);
  const kinds = random.shuffle([...SHAPE_LABELS.keys()]).slice(0, 1 + random.below(3));
  const placed: { x: number; y: number; reach: number }[] = [];
  for (const kind of kinds) {
    const spot = freeSpot(random, size, placed);
    if (spot === null) continue;
    placed.push(spot);
    const inside = makeShape(random, kind, spot.reach);
    const contrast = random.uniform(28, 90) * (random.next() < 0.5 ? -1 : 1);
    const own = fractalNoise(random, size, 3 + random.below(3));
    const ownRoughness = random.uniform(2, 16);
    const softness = random.uniform(0.5, 1.5);
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const depth = inside(x - spot.x, y - spot.y);
        if (depth < -3) continue;
        const at = y * size + x;
        const share = Math.min(1, Math.max(0, 0.5 + depth / (2 * softness)));
        const level = ground + contrast + ownRoughness * (own[at] as number);
        values[at] = (values[at] as number) * (1 - share) + level * share;
        if (depth > 0) mask[at] = kind;
      }
    }
  }
  return { size, image: finish(random, values, size), mask, labels: countLabels(mask) };
}

/** Uneven light, a little noise, and whole numbers. */
function finish(random: Random, values: Float32Array, size: number): Uint8Array {
  const slopeX = random.uniform(-25, 25) / size;
  const slopeY = random.uniform(-25, 25) / size;
  const noise = random.uniform(1, 7);
  return Uint8Array.from(values, (value, at) => {
    const light = slopeX * ((at % size) - size / 2) + slopeY * (Math.floor(at / size) - size / 2);
    return Math.min(255, Math.max(0, Math.round(value + light + noise * random.normal())));
  });
}

function countLabels(mask: Uint8Array): Map<number, number> {
  const labels = new Map<number, number>();
  for (const value of mask) if (value !== 0) labels.set(value, (labels.get(value) ?? 0) + 1);
  return new Map([...labels].sort(([a], [b]) => a - b));
}

/** A place for a shape that touches no other and stays inside the picture; null when none was found. */
function freeSpot(
  random: Random,
  size: number,
  placed: readonly { x: number; y: number; reach: number }[],
): { x: number; y: number; reach: number } | null {
  for (let attempt = 0; attempt < 60; attempt++) {
    const reach = random.uniform(0.11, 0.26) * size;
    const x = random.uniform(reach + 3, size - reach - 3);
    const y = random.uniform(reach + 3, size - reach - 3);
    if (placed.every((other) => Math.hypot(other.x - x, other.y - y) > other.reach + reach + 4))
      return { x, y, reach };
  }
  return null;
}

function makeShape(random: Random, kind: number, reach: number): Inside {
  if (kind === 1) return blob(random, reach);
  if (kind === 2) return ellipse(random, reach);
  const outer = ellipse(random, reach, 0.75);
  const hole = random.uniform(0.45, 0.7);
  return (x, y) => Math.min(outer(x, y), -(outer(x / hole, y / hole) * hole));
}

/** A circle whose radius wavers with the angle. */
function blob(random: Random, reach: number): Inside {
  const waves = Array.from({ length: 4 }, (_, at) => ({
    turns: at + 2,
    height: random.uniform(0, 0.28 / (at + 1)),
    phase: random.uniform(0, 2 * Math.PI),
  }));
  const most = 1 + waves.reduce((sum, wave) => sum + wave.height, 0);
  return (x, y) => {
    const angle = Math.atan2(y, x);
    const radius = waves.reduce(
      (sum, { turns, height, phase }) => sum + height * Math.cos(turns * angle + phase),
      1,
    );
    return (reach * radius) / most - Math.hypot(x, y);
  };
}

function ellipse(random: Random, reach: number, roundest = 0.45): Inside {
  const ratio = random.uniform(roundest, 1);
  const angle = random.uniform(0, Math.PI);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return (x, y) => {
    const along = (x * cos + y * sin) / reach;
    const across = (y * cos - x * sin) / (reach * ratio);
    // Distance along the ray from the centre: close enough to the true one for soft edges.
    const radius = Math.hypot(along, across);
    return radius === 0 ? reach * ratio : Math.hypot(x, y) * (1 / radius - 1);
  };
}

/** Value noise of several octaves, about -1 .. 1. `octave` sets the finest one: 2^octave cells. */
function fractalNoise(random: Random, size: number, octave: number): Float32Array {
  const out = new Float32Array(size * size);
  for (let level = 1; level <= octave; level++) {
    const cells = 2 ** level;
    const grid = Float32Array.from({ length: (cells + 1) ** 2 }, () => random.uniform(-1, 1));
    const strength = 0.75 ** (level - 1);
    for (let y = 0; y < size; y++) {
      const gy = (y / size) * cells;
      const row = Math.floor(gy);
      const fy = smooth(gy - row);
      for (let x = 0; x < size; x++) {
        const gx = (x / size) * cells;
        const column = Math.floor(gx);
        const fx = smooth(gx - column);
        const at = row * (cells + 1) + column;
        const top = (grid[at] as number) * (1 - fx) + (grid[at + 1] as number) * fx;
        const bottom = (grid[at + cells + 1] as number) * (1 - fx) + (grid[at + cells + 2] as number) * fx;
        out[y * size + x]! += strength * (top * (1 - fy) + bottom * fy);
      }
    }
  }
  return out;
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}
