import { GmisegError } from '../errors.js';
import { affineColumn, affineDeterminant, cross } from './affine.js';
import type { Affine, Volume } from './types.js';

/** The inverse of an affine: world to voxel. */
function invert(affine: Affine): number[] {
  const det = affineDeterminant(affine);
  if (!(Math.abs(det) > 0)) throw new GmisegError('ERR_INVALID_ARG', 'an affine that is not invertible');
  const [x, y, z] = [affineColumn(affine, 0), affineColumn(affine, 1), affineColumn(affine, 2)];
  const rows = [cross(y, z), cross(z, x), cross(x, y)].map((row) => row.map((value) => value / det));
  const origin = [affine[3]!, affine[7]!, affine[11]!];
  return rows.flatMap((row) => [
    ...row,
    -(row[0]! * origin[0]! + row[1]! * origin[1]! + row[2]! * origin[2]!),
  ]);
}

/**
 * The first frame of a volume on another grid, by linear interpolation between voxel centres; places outside it
 * are 0. For images that lie on their own grid beside their mask (FLAIR beside DWI); not for labels.
 */
export function resampleLike(volume: Volume, grid: Pick<Volume, 'shape' | 'affine' | 'spacing'>): Volume {
  const [nx, ny, nz] = volume.shape;
  const inverse = invert(volume.affine);
  // Voxel of `grid` to voxel of `volume`.
  const m = [0, 1, 2].map((r) =>
    [0, 1, 2, 3].map((c) =>
      [0, 1, 2].reduce(
        (sum, k) => sum + inverse[4 * r + k]! * grid.affine[4 * k + c]!,
        c === 3 ? inverse[4 * r + 3]! : 0,
      ),
    ),
  );
  const out = new Float32Array(grid.shape[0] * grid.shape[1] * grid.shape[2]);
  const { data } = volume;
  let at = 0;
  for (let k = 0; k < grid.shape[2]; k++) {
    for (let j = 0; j < grid.shape[1]; j++) {
      for (let i = 0; i < grid.shape[0]; i++, at++) {
        const place = (row: number[]): number => row[0]! * i + row[1]! * j + row[2]! * k + row[3]!;
        const [x, y, z] = [place(m[0]!), place(m[1]!), place(m[2]!)];
        // Half a voxel beyond the last centre still belongs to the volume.
        if (x < -0.5 || y < -0.5 || z < -0.5 || x > nx - 0.5 || y > ny - 0.5 || z > nz - 0.5) continue;
        const [x0, fx] = whole(x, nx);
        const [y0, fy] = whole(y, ny);
        const [z0, fz] = whole(z, nz);
        const dx = fx > 0 ? 1 : 0;
        const dy = fy > 0 ? nx : 0;
        const dz = fz > 0 ? nx * ny : 0;
        const p = x0 + nx * (y0 + ny * z0);
        const line = (q: number): number => data[q]! * (1 - fx) + data[q + dx]! * fx;
        const plane = (q: number): number => line(q) * (1 - fy) + line(q + dy) * fy;
        out[at] = plane(p) * (1 - fz) + plane(p + dz) * fz;
      }
    }
  }
  return {
    data: out,
    shape: grid.shape,
    frames: 1,
    affine: grid.affine,
    spacing: grid.spacing,
    source: {
      format: 'memory',
      warnings: volume.source?.warnings ?? [],
      ...(volume.source?.path === undefined ? {} : { path: volume.source.path }),
    },
  };
}

function whole(position: number, size: number): [index: number, share: number] {
  const inside = Math.min(size - 1, Math.max(0, position));
  const index = Math.min(Math.floor(inside), size - 1);
  return [index, inside - index];
}
