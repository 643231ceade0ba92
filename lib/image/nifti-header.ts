import { NIFTI1, NIFTI2 } from 'nifti-reader-js';
import { GmisegError } from '../errors.js';

/** The fields of a NIFTI-1 or NIFTI-2 header that matter here, as stored except where said. */
export interface NiftiHeader {
  readonly version: 1 | 2;
  readonly littleEndian: boolean;
  /** Header and image are two files (.hdr and .img). */
  readonly pair: boolean;
  /** Number of axes the file states, 1 to 7. */
  readonly rank: number;
  /** Seven sizes, each at least 1: axes beyond the rank and sizes of 0 count as 1. */
  readonly dims: readonly number[];
  readonly datatype: number;
  /** qfac and seven voxel sizes. */
  readonly pixdim: readonly number[];
  /** First byte of the voxels in their file; corrected to lie behind the header. */
  readonly voxOffset: number;
  readonly slope: number;
  readonly inter: number;
  readonly qformCode: number;
  readonly sformCode: number;
  /** quatern_b, quatern_c, quatern_d. */
  readonly quatern: readonly [number, number, number];
  readonly qoffset: readonly [number, number, number];
  /** srow_x, srow_y, srow_z: 3 x 4, row-major. */
  readonly srow: readonly number[];
  readonly spaceUnit: number;
  readonly intentCode: number;
  readonly description: string;
  /** What the header says amiss; readers of what follows it add to it. */
  readonly warnings: string[];
}

/** Bytes of a header without its four extension flags. */
export function headerSize(version: 1 | 2): 348 | 540 {
  return version === 1 ? 348 : 540;
}

/** Which NIFTI version some bytes begin with; undefined where they are none. */
export function niftiVersion(head: Uint8Array): 1 | 2 | undefined {
  if (head.length < 348) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const sizes = [view.getInt32(0, true), view.getInt32(0, false)];
  return sizes.includes(540) ? 2 : sizes.includes(348) ? 1 : undefined;
}

function normaliseDims(stored: readonly number[], path: string): { rank: number; dims: number[] } {
  const rank = stored[0]!;
  if (!(rank >= 1 && rank <= 7))
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} states ${rank} axes, outside 1 to 7; its header is damaged`,
      {
        details: { path, rank },
      },
    );
  const dims = Array.from({ length: 7 }, (_, i) => {
    const size = i < rank ? stored[i + 1]! : 1;
    if (size < 0 || !Number.isSafeInteger(size))
      throw new GmisegError(
        'ERR_IMAGE_FORMAT',
        `${path} states the size ${size} along axis ${i + 1}; its header is damaged`,
        { details: { path, dims: stored } },
      );
    return Math.max(1, size);
  });
  return { rank, dims };
}

function dataOffset(stored: number, pair: boolean, version: 1 | 2, warnings: string[]): number {
  const least = pair ? 0 : headerSize(version) + 4;
  if (Number.isInteger(stored) && stored >= least) return stored;
  // Some writers leave 0 here, meaning "right behind the header".
  if (stored !== 0) warnings.push(`vox_offset is ${stored}; the voxels are read from byte ${least}`);
  return least;
}

/**
 * Parses the first 348 or 540 bytes of a header, in either byte order.
 * @throws GmisegError ERR_IMAGE_FORMAT where the header cannot be right
 */
export function parseNiftiHeader(bytes: Uint8Array, path: string): NiftiHeader {
  const version = niftiVersion(bytes);
  if (version === undefined || bytes.length < headerSize(version))
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} ends inside its NIfTI header; copy or download it again`,
      {
        details: { path },
      },
    );
  // Four zero bytes behind the header keep the library from looking for extensions, which we walk ourselves.
  const copy = new Uint8Array(headerSize(version) + 4);
  copy.set(bytes.subarray(0, headerSize(version)));
  const raw = version === 1 ? new NIFTI1() : new NIFTI2();
  try {
    raw.readHeader(copy.buffer);
  } catch (cause) {
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} has a NIfTI header that cannot be parsed; convert it anew`,
      {
        cause,
        details: { path },
      },
    );
  }
  const pair = copy[version === 1 ? 345 : 5] === 0x69;
  const warnings: string[] = [];
  // The library puts the effective affine in place of the stored rows, so these come from the bytes.
  const view = new DataView(copy.buffer);
  const srow = Array.from({ length: 12 }, (_, i) =>
    version === 1
      ? view.getFloat32(280 + 4 * i, raw.littleEndian)
      : view.getFloat64(400 + 8 * i, raw.littleEndian),
  );
  return {
    version,
    littleEndian: raw.littleEndian,
    pair,
    ...normaliseDims(raw.dims, path),
    datatype: raw.datatypeCode,
    pixdim: raw.pixDims.slice(0, 8),
    voxOffset: dataOffset(raw.vox_offset, pair, version, warnings),
    slope: raw.scl_slope,
    inter: raw.scl_inter,
    qformCode: raw.qform_code,
    sformCode: raw.sform_code,
    quatern: [raw.quatern_b, raw.quatern_c, raw.quatern_d],
    qoffset: [raw.qoffset_x, raw.qoffset_y, raw.qoffset_z],
    srow,
    spaceUnit: raw.xyzt_units & 7,
    intentCode: raw.intent_code,
    description: raw.description.replace(/\0.*$/s, ''),
    warnings,
  };
}
