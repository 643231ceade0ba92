import { GmisegError } from '../errors.js';
import {
  type Axis,
  type Image2D,
  type IntensityWindow,
  isVolumePath,
  type LabelNames,
  type LabelVolume,
  labelsOnGrid,
  type Orientation,
  orientationOf,
  PLACES_DIFFER,
  placesDiffer,
  readImage,
  readLabelNames,
  readMask,
  readVolume,
  reorient,
  resampleLike,
  takeSlice,
  toLabelVolume,
  toUint8,
  type Volume,
} from '../image/index.js';
import { readArrayVolumes } from './arrays/read-arrays.js';
import type { DatasetCase } from './case.js';
import { chooseWindow, type WindowChoice } from './choose-window.js';
import { type LabelRules, toLabelBytes } from './label-values.js';
import type { LabelledPixels } from './square-pixels.js';

export interface LoadCaseOptions {
  /** Which channel of several, by number or name, or all. */
  channel: number | string;
  /** How grey values become 8 bits. */
  window: WindowChoice;
  /** Where the axes shall point, or `source` to leave them. */
  orientation: Orientation | 'source';
  signal?: AbortSignal;
}

/** One image of a case: a channel's volume, or a picture. */
export interface LoadedChannel {
  readonly modality: string;
  readonly window: IntensityWindow | undefined;
  readonly pixels: { readonly volume: Volume } | { readonly picture: Image2D };
}

/** A case in memory, ready to be cut. A 2-D picture is a volume with one slice across axis 2. */
export interface LoadedCase {
  readonly shape: readonly [number, number, number];
  /** Millimetres; null where nobody knows. */
  readonly spacing: readonly [number, number, number] | null;
  /** Of the images as stored; null for pictures. */
  readonly orientation: Orientation | null;
  /** Label values, first axis fastest. */
  readonly labels: Uint8Array;
  readonly channels: readonly LoadedChannel[];
  /** Names that the label file itself gives. */
  readonly labelNames: LabelNames;
  /** What a user should know about the files. */
  readonly warnings: readonly string[];
  /** A slice with its mask, 8 bits. */
  cut(channel: LoadedChannel, axis: Axis, index: number): LabelledPixels;
}

/**
 * Reads the image and the mask of a case and checks that they fit: another shape or voxel size is an ERR_DATASET.
 * A mask that is stored in another orientation is turned to its image; another place in space is a warning.
 */
export async function loadCase(
  one: DatasetCase,
  rules: LabelRules,
  options: LoadCaseOptions,
): Promise<LoadedCase> {
  if (one.arrays !== undefined) {
    const { image, label } = await readArrayVolumes(one.labelPath, one.arrays);
    const truth = toLabelVolume(label);
    return assemble(
      one,
      [{ volume: image, modality: one.modality[0] ?? '' }],
      truth,
      new Map(),
      rules,
      options,
    );
  }
  return (await isVolumePath(one.labelPath))
    ? await loadVolumes(one, rules, options)
    : await loadPicture(one, chooseChannels(one, one.imagePaths.length, options.channel), rules, options);
}

/** The numbers of the channels asked for, out of `count`. */
function chooseChannels(one: DatasetCase, count: number, channel: number | string): number[] {
  if (channel === 'all') return Array.from({ length: count }, (_, at) => at);
  const at =
    typeof channel === 'number'
      ? channel
      : one.modality.findIndex((name) => name.toLowerCase() === channel.toLowerCase());
  if (at >= 0 && at < count) return [at];
  const names = one.modality.filter((name) => name !== '');
  throw new GmisegError(
    'ERR_DATASET',
    `Case ${one.id} has ${count} image channels${names.length > 0 ? ` (${names.join(', ')})` : ''}; --channel ${channel} does not exist.`,
    { details: { case: one.id, channels: count } },
  );
}

interface ChannelVolume {
  readonly volume: Volume;
  readonly modality: string;
  readonly resample?: boolean;
}

async function loadVolumes(
  one: DatasetCase,
  rules: LabelRules,
  options: LoadCaseOptions,
): Promise<LoadedCase> {
  const reading = options.signal === undefined ? {} : { signal: options.signal };
  const stored = await readVolume(one.labelPath, reading);
  const names = readLabelNames(stored);
  const truth = toLabelVolume(stored);
  const channels: ChannelVolume[] = [];
  const whole = one.imagePaths.length === 1 ? await readVolume(one.imagePaths[0]!, reading) : undefined;
  if (whole !== undefined && one.modality.length > 1) {
    for (const at of chooseChannels(one, one.modality.length, options.channel))
      channels.push({ volume: frameOf(whole, at, one), modality: one.modality[at] ?? '' });
  } else {
    for (const at of chooseChannels(one, one.imagePaths.length, options.channel)) {
      const volume = whole ?? (await readVolume(one.imagePaths[at]!, reading));
      channels.push({
        volume,
        modality: one.modality[at] || dicomModality(volume),
        resample: one.resample?.includes(at) === true,
      });
    }
  }
  return assemble(one, channels, truth, names, rules, options);
}

function dicomModality({ source }: Volume): string {
  return source?.format === 'dicom' ? (source.series?.modality ?? '') : '';
}

/** One channel of a volume whose frames are channels, as the Decathlon stores them. */
function frameOf(volume: Volume, at: number, one: DatasetCase): Volume {
  if (volume.frames !== one.modality.length)
    throw new GmisegError(
      'ERR_DATASET',
      `${one.imagePaths[0]} has ${volume.frames} frames; its dataset names ${one.modality.length} channels (${one.modality.join(', ')}).`,
      { details: { path: one.imagePaths[0], frames: volume.frames } },
    );
  const voxels = volume.shape[0] * volume.shape[1] * volume.shape[2];
  return { ...volume, frames: 1, data: volume.data.slice(at * voxels, (at + 1) * voxels) };
}

function assemble(
  one: DatasetCase,
  stored: readonly ChannelVolume[],
  truth: LabelVolume,
  labelNames: LabelNames,
  rules: LabelRules,
  options: LoadCaseOptions,
): LoadedCase {
  const warnings = new Set<string>();
  const first = stored.find(({ resample }) => resample !== true)?.volume;
  const file = (volume: Volume): string => volume.source?.path ?? one.id;
  const orientation = orientationOf((first ?? truth).affine);
  const label = first === undefined ? truth : labelsOnGrid(truth, first);
  if (label !== truth)
    warnings.add(
      `the mask is stored as ${orientationOf(truth.affine)}, its image as ${orientation}; it was turned`,
    );
  const target = options.orientation === 'source' ? orientation : options.orientation;
  const turnedLabel = reorient(label, target);
  const labels = toLabelBytes(turnedLabel.data, one.labelPath, rules);
  const channels = stored.map(({ volume, modality, resample }): LoadedChannel => {
    if (volume.frames / (volume.colour === true ? 3 : 1) !== 1)
      throw new GmisegError(
        'ERR_DATASET',
        `${file(volume)} has ${volume.frames} frames; give one file for each of them, or name the channels in dataset.json.`,
        { details: { path: file(volume), frames: volume.frames } },
      );
    const placed = resample === true && gridsDiffer(volume, label) ? resampleLike(volume, label) : volume;
    if (placed !== volume) warnings.add(`${modality || 'an image'} was resampled to the grid of the mask`);
    compareGrids(placed, label, file(volume), one.labelPath, warnings);
    for (const warning of volume.source?.warnings ?? []) warnings.add(warning);
    const turned = reorient(placed, target);
    return {
      modality,
      window: chooseWindow(turned.data, modality, options.window, one.window),
      pixels: { volume: turned },
    };
  });
  const known = one.arrays === undefined;
  return {
    shape: turnedLabel.shape,
    spacing: known ? turnedLabel.spacing : null,
    orientation: known ? orientation : null,
    labels,
    channels,
    labelNames,
    warnings: [...warnings],
    cut: ({ pixels, window }, axis, index) => {
      if (!('volume' in pixels))
        throw new GmisegError('ERR_INTERNAL', 'A picture cannot be cut as a volume.');
      const image = toUint8(takeSlice(pixels.volume, axis, index), window, { volume: pixels.volume });
      const mask = takeSlice({ ...turnedLabel, data: labels }, axis, index).data as Uint8Array;
      const { height, width, channels: depth } = image;
      const spacing = known ? (image.spacing ?? null) : null;
      return { height, width, channels: depth, spacing, image: image.data, mask };
    },
  };
}

function spacingsDiffer(image: Volume, label: Volume): boolean {
  return image.spacing.some((size, axis) => Math.abs(size - label.spacing[axis]!) > 1e-2 * size);
}

function gridsDiffer(image: Volume, label: Volume): boolean {
  return (
    image.shape.join() !== label.shape.join() || spacingsDiffer(image, label) || placesDiffer(label, image)
  );
}

/** nnU-Net's rule: shape and voxel size must agree, the place in space should. */
function compareGrids(
  image: Volume,
  label: Volume,
  imageFile: string,
  labelFile: string,
  warnings: Set<string>,
): void {
  const differ = (what: string, one: readonly number[], other: readonly number[]): GmisegError => {
    const text = (sizes: readonly number[]): string => sizes.map((size) => +size.toPrecision(6)).join(' x ');
    return new GmisegError(
      'ERR_DATASET',
      `${labelFile} has the ${what} ${text(other)}, its image ${imageFile} ${text(one)}; bring both to one grid.`,
      { details: { image: imageFile, label: labelFile } },
    );
  };
  if (image.shape.join() !== label.shape.join()) throw differ('shape', image.shape, label.shape);
  if (spacingsDiffer(image, label)) throw differ('voxel size', image.spacing, label.spacing);
  if (placesDiffer(label, image)) warnings.add(PLACES_DIFFER);
}

async function loadPicture(
  one: DatasetCase,
  chosen: readonly number[],
  rules: LabelRules,
  { window }: LoadCaseOptions,
): Promise<LoadedCase> {
  const truth = await readMask(one.labelPath);
  const labels = toLabelBytes(truth.data, one.labelPath, rules);
  const channels: LoadedChannel[] = [];
  for (const at of chosen) {
    const file = one.imagePaths[at]!;
    const picture = await readImage(file);
    if (picture.width !== truth.width || picture.height !== truth.height) {
      throw new GmisegError(
        'ERR_DATASET',
        `${one.labelPath} is ${truth.width} x ${truth.height}, its image ${file} ${picture.width} x ${picture.height}; both must have one size.`,
        { details: { image: file, label: one.labelPath } },
      );
    }
    const modality = one.modality[at] ?? '';
    channels.push({
      modality: modality === '' && picture.channels === 3 ? 'RGB' : modality,
      window: chooseWindow(picture.data, modality, window, one.window),
      pixels: { picture },
    });
  }
  return {
    shape: [truth.width, truth.height, 1],
    spacing: null,
    orientation: null,
    labels,
    channels,
    labelNames: new Map(),
    warnings: [],
    cut: ({ pixels, window: range }) => {
      if (!('picture' in pixels))
        throw new GmisegError('ERR_INTERNAL', 'A volume cannot be taken as a picture.');
      const { data, width, height, channels: depth, spacing } = toUint8(pixels.picture, range);
      return { height, width, channels: depth, spacing: spacing ?? null, image: data, mask: labels };
    },
  };
}
