import { GmisegError } from '../errors.js';
import {
  type Axis,
  type Image2D,
  type IntensityWindow,
  isVolumePath,
  type MaskVolume,
  readImage,
  readLabelVolume,
  readMask,
  readVolume,
  takeSlice,
  toUint8,
  type Volume,
} from '../image/index.js';
import type { DatasetCase } from './case.js';
import { type LabelRules, toLabelBytes } from './label-values.js';
import type { LabelledPixels } from './square-pixels.js';

export interface LoadCaseOptions {
  /** Which channel of several, or all. */
  channel: number | 'all';
  /** How grey values become 8 bits; percentiles of the whole volume where absent. */
  window?: IntensityWindow;
  signal?: AbortSignal;
}

/** One image of a case: a channel's volume, or a picture. */
export interface LoadedChannel {
  readonly modality: string;
  readonly pixels: { readonly volume: Volume } | { readonly picture: Image2D };
}

/** A case in memory, ready to be cut. A 2-D picture is a volume with one slice across axis 2. */
export interface LoadedCase {
  readonly shape: readonly [number, number, number];
  /** Label values, first axis fastest. */
  readonly labels: Uint8Array;
  readonly channels: readonly LoadedChannel[];
  /** What a user should know about the files. */
  readonly warnings: readonly string[];
  /** A slice with its mask, 8 bits. */
  cut(channel: LoadedChannel, axis: Axis, index: number): LabelledPixels;
}

/**
 * Reads the image and the mask of a case and checks that they fit: another shape
 * or voxel size is an ERR_DATASET, another place in space a warning.
 */
export async function loadCase(
  one: DatasetCase,
  rules: LabelRules,
  options: LoadCaseOptions,
): Promise<LoadedCase> {
  const chosen = chooseChannels(one, options.channel);
  return (await isVolumePath(one.labelPath))
    ? await loadVolumes(one, chosen, rules, options)
    : await loadPicture(one, chosen, rules, options);
}

interface ChannelFile {
  readonly file: string;
  readonly modality: string;
}

function chooseChannels(one: DatasetCase, channel: number | 'all'): ChannelFile[] {
  const files = one.imagePaths.map((file, at) => ({ file, modality: one.modality[at] ?? '' }));
  if (channel === 'all') return files;
  const file = files[channel];
  if (file === undefined) {
    throw new GmisegError(
      'ERR_DATASET',
      `Case ${one.id} has ${files.length} image channels; --channel ${channel} does not exist.`,
      { details: { case: one.id, channels: files.length } },
    );
  }
  return [file];
}

async function loadVolumes(
  one: DatasetCase,
  files: readonly ChannelFile[],
  rules: LabelRules,
  { window, signal }: LoadCaseOptions,
): Promise<LoadedCase> {
  const reading = signal === undefined ? {} : { signal };
  const truth = await readLabelVolume(one.labelPath, reading);
  const data = toLabelBytes(truth.data, one.labelPath, rules);
  const labels: MaskVolume = { data, shape: truth.shape };
  const warnings: string[] = [];
  const channels: LoadedChannel[] = [];
  for (const { file, modality } of files) {
    const volume = await readVolume(file, reading);
    warnings.push(...compareGrids(volume, truth, file, one.labelPath));
    if (volume.frames / (volume.colour === true ? 3 : 1) !== 1) {
      throw new GmisegError(
        'ERR_DATASET',
        `${file} has ${volume.frames} frames; give one file for each of them.`,
      );
    }
    channels.push({ modality, pixels: { volume } });
  }
  return {
    shape: truth.shape,
    labels: data,
    channels,
    warnings,
    cut: ({ pixels }, axis, index) => {
      if (!('volume' in pixels))
        throw new GmisegError('ERR_INTERNAL', 'A picture cannot be cut as a volume.');
      const image = toUint8(takeSlice(pixels.volume, axis, index), window, { volume: pixels.volume });
      const mask = takeSlice({ ...truth, data: labels.data }, axis, index).data as Uint8Array;
      const { height, width, channels: depth, spacing } = image;
      return { height, width, channels: depth, spacing: spacing ?? null, image: image.data, mask };
    },
  };
}

/** nnU-Net's rule: shape and voxel size must agree, the place in space should. */
function compareGrids(image: Volume, label: Volume, imageFile: string, labelFile: string): string[] {
  const differ = (what: string, one: readonly number[], other: readonly number[]): GmisegError =>
    new GmisegError(
      'ERR_DATASET',
      `${labelFile} has the ${what} ${other.join(' x ')}, its image ${imageFile} ${one.join(' x ')}; bring both to one grid.`,
      { details: { image: imageFile, label: labelFile } },
    );
  if (image.shape.join() !== label.shape.join()) throw differ('shape', image.shape, label.shape);
  if (image.spacing.some((size, axis) => Math.abs(size - (label.spacing[axis] as number)) > 1e-2 * size)) {
    throw differ('voxel size', image.spacing, label.spacing);
  }
  const finest = Math.min(...image.spacing);
  const apart = image.affine.some(
    (value, at) => Math.abs(value - (label.affine[at] as number)) > 0.1 * finest,
  );
  return apart ? ['image and mask name different places in space; they are matched voxel by voxel'] : [];
}

async function loadPicture(
  one: DatasetCase,
  files: readonly ChannelFile[],
  rules: LabelRules,
  { window }: LoadCaseOptions,
): Promise<LoadedCase> {
  const truth = await readMask(one.labelPath);
  const labels = toLabelBytes(truth.data, one.labelPath, rules);
  const channels: LoadedChannel[] = [];
  for (const { file, modality } of files) {
    const picture = await readImage(file);
    if (picture.width !== truth.width || picture.height !== truth.height) {
      throw new GmisegError(
        'ERR_DATASET',
        `${one.labelPath} is ${truth.width} x ${truth.height}, its image ${file} ${picture.width} x ${picture.height}; both must have one size.`,
        { details: { image: file, label: one.labelPath } },
      );
    }
    channels.push({
      modality: modality === '' && picture.channels === 3 ? 'RGB' : modality,
      pixels: { picture },
    });
  }
  return {
    shape: [truth.width, truth.height, 1],
    labels,
    channels,
    warnings: [],
    cut: ({ pixels }) => {
      if (!('picture' in pixels))
        throw new GmisegError('ERR_INTERNAL', 'A volume cannot be taken as a picture.');
      const { data, width, height, channels: depth, spacing } = toUint8(pixels.picture, window);
      return { height, width, channels: depth, spacing: spacing ?? null, image: data, mask: labels };
    },
  };
}
