import {
  affineColumn,
  affineDeterminant,
  affineShear,
  affineSpacing,
  cornersApart,
  cross,
  norm,
  type Vector3,
} from './affine.js';
import type { NiftiHeader } from './nifti-header.js';
import type { Affine } from './types.js';

export interface NiftiGeometry {
  readonly affine: Affine;
  readonly spacing: Vector3;
  /** Which of the header's statements the affine comes from. */
  readonly from: 'sform' | 'qform' | 'pixdim';
  readonly warnings: readonly string[];
}

/** Axes meeting at a cosine above this are called sheared. */
const SHEAR = 1e-3;
/** Forms whose corners lie further apart than this part of the smallest spacing are said to disagree. */
const DISAGREEMENT = 0.05;

function voxelSize(value: number): number {
  return Number.isFinite(value) && value !== 0 ? Math.abs(value) : 1;
}

/** Millimetres per spatial unit, as [multiply by, divide by], so that micrometres divide exactly. */
function unitScale(unit: number, warnings: string[]): (value: number) => number {
  if (unit === 1) return (value) => value * 1000;
  if (unit === 3) return (value) => value / 1000;
  if (unit !== 0 && unit !== 2)
    warnings.push(`the spatial unit code ${unit} is unknown; millimetres are assumed`);
  return (value) => value;
}

function fromQform(header: NiftiHeader, warnings: string[]): number[] {
  let [b, c, d] = header.quatern;
  const rest = 1 - (b * b + c * c + d * d);
  let a = Math.sqrt(Math.max(0, rest));
  if (rest < 0) {
    // Rounded quaternions of half-turns pass the unit sphere by a hair: put them back on it.
    const length = Math.hypot(b, c, d);
    [a, b, c, d] = [0, b / length, c / length, d / length];
    if (rest < -1e-4) warnings.push('the qform quaternion is longer than 1; it was normalised');
  }
  const [x, y] = [voxelSize(header.pixdim[1]!), voxelSize(header.pixdim[2]!)];
  // qfac is +1 or -1; 0 and nonsense mean +1.
  const z = voxelSize(header.pixdim[3]!) * (header.pixdim[0]! < 0 ? -1 : 1);
  const [ox, oy, oz] = header.qoffset;
  return [
    (a * a + b * b - c * c - d * d) * x,
    2 * (b * c - a * d) * y,
    2 * (b * d + a * c) * z,
    ox,
    2 * (b * c + a * d) * x,
    (a * a + c * c - b * b - d * d) * y,
    2 * (c * d - a * b) * z,
    oy,
    2 * (b * d - a * c) * x,
    2 * (c * d + a * b) * y,
    (a * a + d * d - b * b - c * c) * z,
    oz,
    0,
    0,
    0,
    1,
  ];
}

function fromPixdim(header: NiftiHeader): number[] {
  const [x, y, z] = [1, 2, 3].map((i) => voxelSize(header.pixdim[i]!)) as [number, number, number];
  return [x, 0, 0, 0, 0, y, 0, 0, 0, 0, z, 0, 0, 0, 0, 1];
}

/** Gives an axis of one voxel whose column is zero (flat images do that) a direction and a size. */
function completeFlatAxes(affine: number[], header: NiftiHeader): void {
  for (const c of [0, 1, 2] as const) {
    if (header.dims[c] !== 1 || norm(affineColumn(affine, c)) > 0) continue;
    const normal = cross(
      affineColumn(affine, ((c + 1) % 3) as 0 | 1 | 2),
      affineColumn(affine, ((c + 2) % 3) as 0 | 1 | 2),
    );
    const length = norm(normal);
    if (length === 0) continue;
    const size = voxelSize(header.pixdim[c + 1]!);
    for (let r = 0; r < 3; r++) affine[4 * r + c] = (normal[r]! / length) * size;
  }
}

function usable(affine: readonly number[]): boolean {
  return affine.every(Number.isFinite) && affineDeterminant(affine) !== 0;
}

/**
 * Where the voxels lie, in millimetres, RAS+.
 * The sform is taken when its code is positive, else the qform when its code is, else the voxel sizes on the
 * diagonal with the origin at voxel (0, 0, 0). (Where no form is given, nibabel centres the origin and flips x
 * instead; nothing in the file says either.) A form that is not finite or not invertible is passed over.
 * Micrometres and metres become millimetres. Voxel sizes of 0 count as 1, negative ones as positive.
 */
export function niftiGeometry(header: NiftiHeader): NiftiGeometry {
  const warnings: string[] = [];
  const scale = unitScale(header.spaceUnit, warnings);
  const sform = [...header.srow, 0, 0, 0, 1];
  const qform = fromQform(header, warnings);
  completeFlatAxes(sform, header);
  const sformSet = header.sformCode > 0;
  const qformSet = header.qformCode > 0;
  let from: NiftiGeometry['from'] = sformSet ? 'sform' : qformSet ? 'qform' : 'pixdim';
  if (from === 'sform' && !usable(sform)) {
    from = qformSet ? 'qform' : 'pixdim';
    warnings.push(`the sform matrix is not invertible; the ${from} is used`);
  }
  if (from === 'qform' && !usable(qform)) {
    from = 'pixdim';
    warnings.push('the qform is not usable; the voxel sizes are used');
  }
  const stored = from === 'sform' ? sform : from === 'qform' ? qform : fromPixdim(header);
  if (from === 'sform' && qformSet && usable(qform)) {
    const apart = cornersApart(sform, qform, header.dims);
    if (apart > DISAGREEMENT * Math.min(...affineSpacing(sform)))
      warnings.push(`sform and qform disagree by up to ${scale(apart).toPrecision(3)} mm; the sform is used`);
  }
  if (affineShear(stored) > SHEAR)
    warnings.push('the grid is sheared (its axes are not at right angles), as with a tilted gantry');
  if (from === 'pixdim')
    warnings.push('the file does not say how the volume lies in space; only voxel sizes are known');
  const affine = stored.map((value, i) => (i < 12 ? scale(value) : value));
  return { affine, spacing: affineSpacing(affine), from, warnings };
}
