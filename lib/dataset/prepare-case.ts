import { createHash } from 'node:crypto';
import {
  type Axis,
  type LabelNames,
  type Orientation,
  percentileRange,
  type VoxelArray,
} from '../image/index.js';
import type { DatasetCase } from './case.js';
import { caseBytes } from './case-bytes.js';
import type { WindowChoice } from './choose-window.js';
import type { LabelRules } from './label-values.js';
import { type LoadedCase, type LoadedChannel, loadCase } from './load-case.js';
import type { SliceRecord } from './slice-store-writer.js';
import { type ChosenSlice, chooseSlices, profileLabels, type SlicePolicy } from './slicing.js';
import { toSquarePixels } from './square-pixels.js';

/** Everything that decides what becomes of a case; plain data, so that it crosses into worker threads. */
export interface PrepareOptions {
  readonly channel: number | string;
  readonly window: WindowChoice;
  readonly orientation: Orientation | 'source';
  readonly policy: SlicePolicy;
  readonly axes: readonly Axis[];
  readonly minArea: number;
  readonly square: boolean;
  readonly ignoreLabel: number | null;
  /** What to make: the slices themselves, facts for a fingerprint, one slice to look at. */
  readonly slices: boolean;
  readonly facts: boolean;
  readonly preview: boolean;
}

/** A slice of a case, before it is known which dataset and side it belongs to. */
export type PreparedSlice = Omit<SliceRecord, 'dataset' | 'split'>;

/** What a fingerprint says of one image channel. */
export interface ChannelFacts {
  readonly modality: string;
  readonly type: string;
  /** Of the finite values. */
  readonly min: number;
  readonly max: number;
  /** How many values are NaN or infinite. */
  readonly nonFinite: number;
  /** 0.5 and 99.5 percentiles, see percentileRange. */
  readonly percentiles: readonly [number, number];
  /** The window that the slices get: its name, its ends, or `percentile`. */
  readonly window: string;
  /** sha256 of the decoded values. */
  readonly sha256: string;
}

export interface CaseFacts {
  readonly shape: readonly [number, number, number];
  readonly spacing: readonly [number, number, number] | null;
  readonly orientation: string | null;
  readonly channels: readonly ChannelFacts[];
  /** Label value to voxels. */
  readonly labels: ReadonlyMap<number, number>;
}

/** A case, read and cut. */
export interface PreparedCase {
  readonly id: string;
  readonly slices: readonly PreparedSlice[];
  /** Which slices the policy chose, with the labels they show; filled even where `slices` is not. */
  readonly chosen: readonly { readonly axis: Axis; readonly labels: ReadonlyMap<number, number> }[];
  readonly warnings: readonly string[];
  readonly labelNames: LabelNames;
  readonly facts: CaseFacts | null;
  readonly preview: PreparedSlice | null;
  /** Bytes of the case's files on disk. */
  readonly bytes: number;
}

/**
 * Reads a case, chooses its slices and cuts them: 8 bits, square pixels.
 * @throws GmisegError as loadCase
 */
export async function prepareCase(
  one: DatasetCase,
  rules: LabelRules,
  options: PrepareOptions,
  signal?: AbortSignal,
): Promise<PreparedCase> {
  const { channel, window, orientation, policy, axes, minArea, ignoreLabel } = options;
  const loaded = await loadCase(one, rules, {
    channel,
    window,
    orientation,
    ...(signal === undefined ? {} : { signal }),
  });
  const profile = profileLabels(loaded.labels, loaded.shape);
  const chosen = chooseSlices(profile, loaded.shape, { ignoreLabel, policy, axes, minArea });
  const slices: PreparedSlice[] = [];
  if (options.slices) {
    for (const place of chosen) {
      signal?.throwIfAborted();
      for (const part of loaded.channels) slices.push(cutSlice(one, loaded, part, place, options));
    }
  }
  const shown = options.preview ? slicesToShow(chosen) : undefined;
  const [first] = loaded.channels;
  return {
    id: one.id,
    slices,
    chosen: chosen.map(({ axis, labels }) => ({ axis, labels })),
    warnings: loaded.warnings,
    labelNames: loaded.labelNames,
    facts: options.facts ? factsOf(loaded, profile) : null,
    preview:
      shown === undefined || first === undefined
        ? null
        : cutSlice(one, loaded, first, shown, { ...options, square: true }),
    bytes: await caseBytes(one),
  };
}

function cutSlice(
  one: DatasetCase,
  loaded: LoadedCase,
  channel: LoadedChannel,
  { axis, index, labels }: ChosenSlice,
  options: PrepareOptions,
): PreparedSlice {
  const cut = loaded.cut(channel, axis, index);
  const stored = options.square ? toSquarePixels(cut) : cut;
  const { orientation } = loaded;
  return {
    ...stored,
    subject: one.subject,
    case: one.id,
    axis,
    index,
    modality: channel.modality,
    labels: stored === cut ? labels : recount(stored.mask, labels),
    ...(orientation === null
      ? {}
      : {
          orientation: options.orientation === 'source' ? orientation : options.orientation,
          sourceOrientation: orientation,
        }),
    ...(stored === cut || cut.spacing === null
      ? {}
      : {
          resampled: {
            height: cut.height,
            width: cut.width,
            spacing: [cut.spacing[0], cut.spacing[1]] as [number, number],
          },
        }),
  };
}

/** The pixels of the same labels on the resampled grid. */
function recount(mask: Uint8Array, labels: ReadonlyMap<number, number>): Map<number, number> {
  const counts = new Map([...labels.keys()].map((value) => [value, 0]));
  for (const value of mask) {
    const count = counts.get(value);
    if (count !== undefined) counts.set(value, count + 1);
  }
  return counts;
}

/** The slice that shows most labels; of several across the last axis, where pixels are finest, the first. */
function slicesToShow(chosen: readonly ChosenSlice[]): ChosenSlice | undefined {
  return [...chosen].sort((a, b) => b.labels.size - a.labels.size || b.axis - a.axis)[0];
}

function factsOf(loaded: LoadedCase, profile: ReturnType<typeof profileLabels>): CaseFacts {
  return {
    shape: loaded.shape,
    spacing: loaded.spacing,
    orientation: loaded.orientation,
    channels: loaded.channels.map(channelFacts),
    labels: new Map([...profile].map(([value, [areas]]) => [value, areas.reduce((sum, n) => sum + n, 0)])),
  };
}

function channelFacts({ modality, window, pixels }: LoadedChannel): ChannelFacts {
  const data: VoxelArray = 'volume' in pixels ? pixels.volume.data : pixels.picture.data;
  let [min, max, nonFinite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (!Number.isFinite(value)) nonFinite += 1;
    else {
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return {
    modality,
    type: data.constructor.name.replace('Array', '').toLowerCase(),
    min,
    max,
    nonFinite,
    percentiles: percentileRange({ data }) as [number, number],
    window:
      window === undefined
        ? data instanceof Uint8Array
          ? 'none (8 bits)'
          : 'percentile'
        : typeof window === 'string'
          ? window
          : window.join(','),
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}
