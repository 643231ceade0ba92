import { encode } from 'fast-png';
import { GmisegError } from '../errors.js';
import { writeAtomically } from './atomic-write.js';
import { writeDicomSegmentation } from './dicom-seg.js';
import { writeItkMask } from './itk-files.js';
import { labelTableExtension } from './label-names.js';
import { labelArray } from './labels.js';
import type { LabelMap2D, Mask2D, MaskVolume, Volume, VoxelArray } from './types.js';
import { writeVolume } from './write-volume.js';

export interface WriteMaskOptions {
  /** The volume that the mask belongs to: its geometry is written. Needed for volumes. */
  readonly like?: Volume;
  /** Names of label values, kept in the header of a NIfTI file and in a DICOM segmentation. */
  readonly labels?: ReadonlyMap<number, string> | Readonly<Record<number, string>>;
  /**
   * What a PNG holds: 'binary' (the default) writes 0 and 255, and refuses a mask of several labels;
   * 'labels' writes the values as they are, in 8 or 16 bits.
   */
  readonly values?: 'binary' | 'labels';
  readonly signal?: AbortSignal;
}

const INTENT_LABEL = 1002;

function labelRange(data: VoxelArray, path: string): number {
  let max = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (!Number.isInteger(value) || value < 0)
      throw new GmisegError(
        'ERR_INVALID_ARG',
        `the mask for ${path} holds ${value} at index ${i}; masks hold whole numbers from 0`,
        { details: { path, value, index: i } },
      );
    if (value > max) max = value;
  }
  if (max > 2 ** 31 - 1)
    throw new GmisegError('ERR_INVALID_ARG', `the mask for ${path} holds ${max}, beyond 32-bit labels`, {
      details: { path, max },
    });
  return max;
}

function narrowest(data: VoxelArray, max: number): VoxelArray {
  const Type = labelArray(max);
  return data instanceof Type ? data : new Type(data);
}

function namesOf(labels: WriteMaskOptions['labels']): ReadonlyMap<number, string> {
  if (labels === undefined) return new Map();
  if (labels instanceof Map) return labels;
  return new Map(Object.entries(labels).map(([value, name]) => [Number(value), name as string]));
}

function checkSize(data: VoxelArray, sizes: readonly number[], path: string): void {
  const count = sizes.reduce((product, size) => product * size, 1);
  if (!(count > 0) || data.length !== count)
    throw new GmisegError(
      'ERR_SHAPE',
      `the mask for ${path} is ${sizes.join(' x ')} but holds ${data.length} values`,
      { details: { path, sizes, length: data.length } },
    );
}

/** 0 and 255; a second label would vanish silently, so it is refused. */
function binaryPixels(data: VoxelArray, path: string): Uint8Array {
  let foreground = 0;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (value === 0) continue;
    if (foreground !== 0 && value !== foreground)
      throw new GmisegError(
        'ERR_INVALID_ARG',
        `the mask for ${path} holds the labels ${foreground} and ${value}; pass { values: 'labels' } to keep them`,
        { details: { path } },
      );
    foreground = value;
    out[i] = 255;
  }
  return out;
}

async function writePng(path: string, mask: Mask2D | LabelMap2D, options: WriteMaskOptions): Promise<void> {
  if (!/\.png$/i.test(path))
    throw new GmisegError('ERR_INVALID_ARG', `${path} must end in .png to hold a 2-D mask`, {
      details: { path },
    });
  const { width, height, data } = mask;
  checkSize(data, [width, height], path);
  const max = labelRange(data, path);
  if (options.values === 'labels' && max > 65535)
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `the mask for ${path} holds ${max}; a PNG holds labels up to 65535`,
      {
        details: { path, max },
      },
    );
  const pixels =
    options.values === 'labels'
      ? (narrowest(data, max) as Uint8Array | Uint16Array)
      : binaryPixels(data, path);
  const depth = pixels instanceof Uint16Array ? 16 : 8;
  await writeAtomically(path, [encode({ width, height, data: pixels, channels: 1, depth })], options.signal);
}

async function writeGrid(path: string, mask: MaskVolume, options: WriteMaskOptions): Promise<void> {
  if (options.like === undefined)
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `writing the mask volume ${path} needs { like: volume }: the volume whose geometry it has`,
      { details: { path } },
    );
  checkSize(mask.data, mask.shape, path);
  const data = narrowest(mask.data, labelRange(mask.data, path));
  const names = namesOf(options.labels);
  const volume: MaskVolume = { data, shape: mask.shape };
  if (!mask.shape.every((size, axis) => size === options.like!.shape[axis]))
    throw new GmisegError(
      'ERR_SHAPE',
      `the mask for ${path} is ${mask.shape.join(' x ')} and its volume ${options.like.shape.join(' x ')}; both must lie on one grid`,
      { details: { shape: mask.shape, like: options.like.shape } },
    );
  if (/\.(nrrd|mha)$/i.test(path)) return await writeItkMask(path, volume, options.like, options.signal);
  if (/\.dcm$/i.test(path))
    return await writeDicomSegmentation(path, volume, options.like, names, options.signal);
  await writeVolume(
    path,
    { data, shape: mask.shape },
    {
      like: options.like,
      // The source's own extensions speak of its voxels (DICOM fields, label tables), not of this mask.
      extensions: names.size === 0 ? [] : [labelTableExtension(names)],
      intentCode: INTENT_LABEL,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  );
}

/**
 * Writes a mask: a 2-D one as PNG (0 and 255, or its labels), one on a volume's grid in the format that the
 * ending asks for, with the geometry of `like`:
 * - `.nii`, `.nii.gz`: exactly its geometry (uint8, or uint16 or int32 where labels need it; slope 1; no time axis);
 * - `.nrrd`, `.mha`: the same numbers through ITK, compressed;
 * - `.dcm`: a DICOM segmentation object, where `like` was read from a DICOM series.
 *
 * A flat mask goes into a volume file too when `like` is a volume of one slice. The file appears whole or not at all.
 * @throws GmisegError ERR_INVALID_ARG (fractions, wrong ending, `like` missing), ERR_SHAPE, ERR_IO;
 *   ERR_IMAGE_FORMAT where an optional package is missing
 */
export async function writeMask(
  path: string,
  mask: Mask2D | LabelMap2D | MaskVolume,
  options: WriteMaskOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  if ('shape' in mask) return await writeGrid(path, mask, options);
  if (options.like !== undefined && /\.(nii|nii\.gz|nrrd|mha|dcm)$/i.test(path)) {
    const volume: MaskVolume = { data: mask.data, shape: [mask.width, mask.height, 1] };
    return await writeGrid(path, volume, options);
  }
  return await writePng(path, mask, options);
}
