import type { PreparedExample } from './example.js';

/** Cutoffs of probability that an answer may be cut at: thin targets are there below one half. */
const CUTOFFS = [0.3, 0.5];

/**
 * The best Dice that any answer on a grid of so many cells a side can reach for an example: its mask, averaged over
 * the cells of a grid as long as the picture's longer side, drawn at the picture's pixels again and cut off. Vessels
 * that are thinner than a cell are lost whatever a model knows of them.
 */
export function ceiling({ picture, mask }: PreparedExample, value: number, grid: number): number {
  const { width, height } = picture;
  const cell = Math.max(width, height) / grid;
  if (cell <= 1) return 1;
  const columns = Math.ceil(width / cell);
  const rows = Math.ceil(height / cell);
  const sums = new Float64Array(columns * rows);
  const counts = new Float64Array(columns * rows);
  let truth = 0;
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor(y / cell) * columns;
    for (let x = 0; x < width; x++, at++) {
      const to = row + Math.floor(x / cell);
      counts[to]! += 1;
      if (mask[at] !== value) continue;
      sums[to]! += 1;
      truth += 1;
    }
  }
  if (truth === 0) return 1;
  const share = sums.map((sum, at) => sum / Math.max(1, counts[at]!));
  const both = CUTOFFS.map(() => 0);
  const drawn = CUTOFFS.map(() => 0);
  const across = weights(width, cell, columns);
  const down = weights(height, cell, rows);
  for (let y = 0, at = 0; y < height; y++) {
    const { from: top, to: bottom, by: v } = down[y]!;
    for (let x = 0; x < width; x++, at++) {
      const { from: left, to: right, by: u } = across[x]!;
      const above = share[top * columns + left]! * (1 - u) + share[top * columns + right]! * u;
      const below = share[bottom * columns + left]! * (1 - u) + share[bottom * columns + right]! * u;
      const level = above * (1 - v) + below * v;
      for (const [which, cutoff] of CUTOFFS.entries()) {
        if (level < cutoff) continue;
        drawn[which]! += 1;
        if (mask[at] === value) both[which]! += 1;
      }
    }
  }
  return Math.max(...both.map((inside, which) => (2 * inside) / (truth + drawn[which]!)));
}

/** Bilinear neighbours of each pixel along an axis, cells' centres at (i + 1/2) cell. */
function weights(length: number, cell: number, cells: number): { from: number; to: number; by: number }[] {
  return Array.from({ length }, (_, at) => {
    const place = Math.min(cells - 1, Math.max(0, (at + 0.5) / cell - 0.5));
    const from = Math.floor(place);
    return { from, to: Math.min(cells - 1, from + 1), by: place - from };
  });
}
