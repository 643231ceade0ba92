import { affineColumn, affineDeterminant, affineShear, affineSpacing, type Vector3 } from './affine.js';
import { niftiGeometry } from './nifti-geometry.js';
import { headerSize, parseNiftiHeader } from './nifti-header.js';
import type { Affine, NiftiSource, VoxelArray } from './types.js';

/** What a header says beside the geometry. */
export interface HeaderContent {
  readonly shape: readonly [number, number, number];
  readonly frames: number;
  readonly datatype: number;
  readonly bitsPerVoxel: number;
  /** NIFTI intent; 1002 marks labels. */
  readonly intentCode: number;
  readonly description: string;
  /** First byte of the voxels: header, flags and extensions come before. */
  readonly voxOffset: number;
}

/** Fields copied as bytes from header to header: [offset, bytes per number, count]. */
type Field = readonly [offset: number, size: number, count: number];

// dim_info, qfac and voxel sizes, units, form codes, quaternion and offset, srow.
const GEOMETRY: Record<1 | 2, readonly Field[]> = {
  1: [
    [39, 1, 1],
    [76, 4, 4],
    [123, 1, 1],
    [252, 2, 2],
    [256, 4, 6],
    [280, 4, 12],
  ],
  2: [
    [524, 1, 1],
    [104, 8, 4],
    [500, 4, 1],
    [344, 4, 2],
    [352, 8, 6],
    [400, 8, 12],
  ],
};

// pixdim[4] (the time step) and toffset.
const TIME: Record<1 | 2, readonly Field[]> = {
  1: [
    [92, 4, 1],
    [136, 4, 1],
  ],
  2: [
    [136, 8, 1],
    [216, 8, 1],
  ],
};

const MM = 2;
/** "Aligned": the grid is known relative to some other image, which is all that an affine alone tells. */
const ALIGNED = 2;

/** The NIFTI datatype of an array, and its bits per voxel. */
export function niftiDatatype(data: VoxelArray): { datatype: number; bitsPerVoxel: number } {
  const bitsPerVoxel = data.BYTES_PER_ELEMENT * 8;
  if (data instanceof Uint8Array) return { datatype: 2, bitsPerVoxel };
  if (data instanceof Int8Array) return { datatype: 256, bitsPerVoxel };
  if (data instanceof Uint16Array) return { datatype: 512, bitsPerVoxel };
  if (data instanceof Int16Array) return { datatype: 4, bitsPerVoxel };
  if (data instanceof Uint32Array) return { datatype: 768, bitsPerVoxel };
  if (data instanceof Int32Array) return { datatype: 8, bitsPerVoxel };
  if (data instanceof Float32Array) return { datatype: 16, bitsPerVoxel };
  return { datatype: 64, bitsPerVoxel };
}

function copyFields(from: NiftiSource, to: Uint8Array, fields: readonly Field[]): void {
  for (const [offset, size, count] of fields) {
    for (let i = 0; i < count; i++) {
      const bytes = from.header.slice(offset + i * size, offset + (i + 1) * size);
      // Byte by byte, so that not even a NaN's payload changes; the output is little-endian.
      to.set(from.littleEndian ? bytes : bytes.reverse(), offset + i * size);
    }
  }
}

/** Unit quaternion (b, c, d; a is positive) of a rotation matrix given by its columns. */
function quaternion(x: Vector3, y: Vector3, z: Vector3): Vector3 {
  const a2 = 1 + x[0] + y[1] + z[2];
  if (a2 > 0.5) {
    const a = Math.sqrt(a2) / 2;
    return [(y[2] - z[1]) / (4 * a), (z[0] - x[2]) / (4 * a), (x[1] - y[0]) / (4 * a)];
  }
  // Close to a half-turn: start from the largest of the other parts.
  const b2 = 1 + x[0] - y[1] - z[2];
  const c2 = 1 + y[1] - x[0] - z[2];
  const d2 = 1 + z[2] - x[0] - y[1];
  let a: number;
  let b: number;
  let c: number;
  let d: number;
  if (b2 >= c2 && b2 >= d2) {
    b = Math.sqrt(b2) / 2;
    c = (x[1] + y[0]) / (4 * b);
    d = (x[2] + z[0]) / (4 * b);
    a = (y[2] - z[1]) / (4 * b);
  } else if (c2 >= d2) {
    c = Math.sqrt(c2) / 2;
    b = (x[1] + y[0]) / (4 * c);
    d = (y[2] + z[1]) / (4 * c);
    a = (z[0] - x[2]) / (4 * c);
  } else {
    d = Math.sqrt(d2) / 2;
    b = (x[2] + z[0]) / (4 * d);
    c = (y[2] + z[1]) / (4 * d);
    a = (x[1] - y[0]) / (4 * d);
  }
  return a < 0 ? [-b, -c, -d] : [b, c, d];
}

function unit(vector: Vector3, length: number): Vector3 {
  return [vector[0] / length, vector[1] / length, vector[2] / length];
}

/** States an affine as sform and, where the grid is not sheared, as qform too. */
function writeAffine(view: DataView, version: 1 | 2, affine: Affine): void {
  const put = (offset1: number, offset2: number, i: number, value: number): void => {
    if (version === 1) view.setFloat32(offset1 + 4 * i, value, true);
    else view.setFloat64(offset2 + 8 * i, value, true);
  };
  const spacing = affineSpacing(affine);
  const qfac = affineDeterminant(affine) < 0 ? -1 : 1;
  const sheared = affineShear(affine) > 1e-5;
  const axes = ([0, 1, 2] as const).map((c) => unit(affineColumn(affine, c), spacing[c]));
  put(76, 104, 0, qfac);
  for (let i = 0; i < 3; i++) put(76, 104, i + 1, spacing[i]!);
  const [x, y, z] = axes as [Vector3, Vector3, Vector3];
  const q = sheared ? [0, 0, 0] : quaternion(x, y, [z[0] * qfac, z[1] * qfac, z[2] * qfac]);
  for (let i = 0; i < 3; i++) {
    put(256, 352, i, q[i]!);
    put(268, 376, i, affine[4 * i + 3]!);
  }
  for (let i = 0; i < 12; i++) put(280, 400, i, affine[i]!);
  const qcode = sheared ? 0 : ALIGNED;
  if (version === 1) {
    view.setInt16(252, qcode, true);
    view.setInt16(254, ALIGNED, true);
    view.setUint8(123, MM);
  } else {
    view.setInt32(344, qcode, true);
    view.setInt32(348, ALIGNED, true);
    view.setInt32(500, MM, true);
  }
}

/** The header that a volume came with, where its geometry still is the volume's. */
function matchingSource(source: NiftiSource | undefined, affine: Affine): NiftiSource | undefined {
  if (source === undefined) return undefined;
  const stated = niftiGeometry(parseNiftiHeader(source.header, source.path ?? 'the source'));
  return stated.affine.every((value, i) => Object.is(value, affine[i]) || value === affine[i])
    ? source
    : undefined;
}

/** NIFTI-1 unless the source is NIFTI-2 or an axis is too long for 16 bits. */
export function chooseVersion(
  source: NiftiSource | undefined,
  shape: readonly number[],
  frames: number,
): 1 | 2 {
  if (source?.header.length === headerSize(2)) return 2;
  return Math.max(...shape, frames) > 32767 ? 2 : 1;
}

/** Axes stated in the header: as many as the source had where the rest has one voxel, else three (or four). */
function statedRank(source: NiftiSource | undefined, content: HeaderContent): number {
  if (content.frames > 1) return 4;
  const rank = source === undefined ? 3 : parseNiftiHeader(source.header, 'the source').rank;
  return [3, 2, 1].find((r) => r <= rank || content.shape[r - 1]! > 1) ?? 1;
}

/**
 * Builds a little-endian header of the version that chooseVersion gives. The geometry (both forms, codes, units,
 * voxel sizes) is the source header's, byte for byte, unless the affine is no longer the one it states. Nothing
 * else is taken over: slope is 1, inter 0 and the display range empty.
 */
export function buildNiftiHeader(
  content: HeaderContent,
  affine: Affine,
  given: NiftiSource | undefined,
): Uint8Array {
  const version = chooseVersion(given, content.shape, content.frames);
  const matching = matchingSource(given, affine);
  const source = matching?.header.length === headerSize(version) ? matching : undefined;
  const bytes = new Uint8Array(headerSize(version));
  const view = new DataView(bytes.buffer);
  const dims = [statedRank(source, content), ...content.shape, content.frames, 1, 1, 1];
  const text = new TextEncoder().encode(content.description).subarray(0, 79);
  if (version === 1) {
    view.setInt32(0, 348, true);
    for (const [i, size] of dims.entries()) view.setInt16(40 + 2 * i, size, true);
    view.setInt16(68, content.intentCode, true);
    view.setInt16(70, content.datatype, true);
    view.setInt16(72, content.bitsPerVoxel, true);
    for (let i = 4; i < 8; i++) view.setFloat32(76 + 4 * i, 1, true);
    view.setFloat32(108, content.voxOffset, true);
    view.setFloat32(112, 1, true);
    bytes.set(text, 148);
    bytes.set([0x6e, 0x2b, 0x31, 0], 344);
  } else {
    view.setInt32(0, 540, true);
    bytes.set([0x6e, 0x2b, 0x32, 0, 0x0d, 0x0a, 0x1a, 0x0a], 4);
    view.setInt16(12, content.datatype, true);
    view.setInt16(14, content.bitsPerVoxel, true);
    for (const [i, size] of dims.entries()) view.setBigInt64(16 + 8 * i, BigInt(size), true);
    for (let i = 4; i < 8; i++) view.setFloat64(104 + 8 * i, 1, true);
    view.setBigInt64(168, BigInt(content.voxOffset), true);
    view.setFloat64(176, 1, true);
    bytes.set(text, 240);
    view.setInt32(504, content.intentCode, true);
  }
  if (source === undefined) writeAffine(view, version, affine);
  else {
    copyFields(source, bytes, GEOMETRY[version]);
    if (content.frames > 1) copyFields(source, bytes, TIME[version]);
  }
  return bytes;
}
