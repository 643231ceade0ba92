import { SLICE_POLICIES } from '../dataset/slicing.js';
import { GmisegError } from '../errors.js';
import { CT_WINDOWS, type IntensityWindow } from '../image/index.js';
import type { JobOptions } from '../segmenter.js';
import {
  describe,
  invalid,
  mismatch,
  requireBoolean,
  requireInteger,
  requireKeys,
  requireOneOf,
} from '../validate.js';
import { ENGINES, LOOKS, type Look, OUTPUTS, PARTNERS, SCALES, VIEWS, type View } from './recipe.js';
import type { VolumeOptions } from './slices-of-volume.js';

export type EngineChoice = 'auto' | (typeof ENGINES)[number];

/** How a task is made. Whatever is left out, `auto` decides by leave-one-out on the examples. */
export interface TaskOptions extends JobOptions {
  /**
   * `learned`: the model's task encoder; `training-free`: prototypes and prompts, on any SAM; `threshold`: a band of
   * one grey or colour; `copy`: the mask of the most similar example; `baseline`: the network of a baseline model,
   * which `auto` means there.
   */
  readonly engine?: EngineChoice;
  /**
   * Of `learned` and `training-free`: the task encoder's or the prototypes' own answer (`dense`), SAM's from it
   * (`refined`), or the mean of both. Of `training-free` the mean, unless it is named; with clicks and boxes always
   * `refined`.
   */
  readonly output?: 'auto' | (typeof OUTPUTS)[number];
  /** A second engine, the mean with which decides: `threshold` beside another engine, or `none`. */
  readonly partner?: 'auto' | (typeof PARTNERS)[number];
  /** Of `training-free`: how much the place in the picture counts, 0 to 1. */
  readonly location?: number;
  /** Of `training-free`: how sharply similarity decides, above 0. */
  readonly temperature?: number;
  /**
   * Of `threshold`: levels of grey as they are (`given`), on the picture's own range (`stretched`), or relative to its
   * median (`relative`).
   */
  readonly scale?: 'auto' | (typeof SCALES)[number];
  /**
   * The probability from which on a pixel is target, 0.01 to 0.99: lower finds more, higher less. Answers are shifted,
   * so that it becomes 0.5.
   */
  readonly cutoff?: 'auto' | number;
  /** How pictures are shown to the model: whole, in 2 x 2 or 4 x 4 tiles, or whole and then a crop round the target. */
  readonly view?: 'auto' | View;
  /**
   * Side in pixels of the model's input at which pictures are seen, one of those that the task encoder has been
   * trained at (`info.taskEncoder.sizes`) or the model's own: a small one for large targets, whose surroundings tell what
   * they are. Without a task encoder the model's own alone.
   */
  readonly inputSize?: 'auto' | number;
  /**
   * What of a picture is seen: the picture as it is (`given`), or its local contrast, in grey (`flat`) or in one colour:
   * what is thin or faint then stands out alike everywhere, and lighting does not count.
   */
  readonly look?: 'auto' | Look;
  /**
   * Members, each fitted to another subset of the examples; their mean decides, their spread is the uncertainty. 1 (the
   * default: one member, all examples) to 64.
   */
  readonly ensemble?: number;
  /** Examples of each member of an ensemble, 1 to 4096; two thirds of them with 0 (the default). */
  readonly subset?: number;
  /** Everything once more on mirrored pictures, and the mean of both; false by default. Not where left and right differ. */
  readonly flips?: boolean;
  /**
   * The label values to segment, 1 to 255, each of which some mask must hold; or names by value, of which those count
   * that occur. All that the masks hold, at most 64, where left out.
   */
  readonly labels?: readonly number[] | ReadonlyMap<number, string> | Readonly<Record<number, string>>;
  /** How values of images with more than 8 bits become grey levels, of examples and of new images; see toUint8. */
  readonly window?: IntensityWindow;
  readonly volume?: VolumeOptions;
  /** Of the ensemble's subsets: 0 (the default) to 2^53 - 1. */
  readonly seed?: number;
  /** What it throws, the promise rejects with. */
  readonly onProgress?: (progress: TaskProgress) => void;
}

export interface TaskProgress {
  /** `encode`, `choose`, `fit`, `predict` or `check` */
  readonly stage: string;
  /** 0 to 1 within the stage */
  readonly fraction: number;
}

/** The options as a task keeps them: plain data, everything decided that needs no example. */
export interface TaskSettings {
  readonly engine: EngineChoice;
  readonly output: 'auto' | (typeof OUTPUTS)[number];
  readonly partner: 'auto' | (typeof PARTNERS)[number];
  readonly location: number | null;
  readonly temperature: number | null;
  readonly scale: 'auto' | (typeof SCALES)[number];
  /** Null: `auto`. */
  readonly cutoff: number | null;
  readonly view: 'auto' | View;
  /** Null: `auto`. */
  readonly inputSize: number | null;
  readonly look: 'auto' | Look;
  readonly ensemble: number;
  readonly subset: number;
  readonly flips: boolean;
  /** Null: all that occur. */
  readonly labels: readonly { readonly value: number; readonly name: string }[] | null;
  /** Whether all of `labels` must occur. */
  readonly allLabels: boolean;
  readonly window: IntensityWindow | null;
  readonly volume: VolumeOptions;
  readonly seed: number;
}

const KEYS = [
  'signal',
  'queue',
  'engine',
  'output',
  'partner',
  'location',
  'temperature',
  'scale',
  'cutoff',
  'view',
  'inputSize',
  'look',
  'ensemble',
  'subset',
  'flips',
  'labels',
  'window',
  'volume',
  'seed',
  'onProgress',
];

/** @throws GmisegError ERR_INVALID_ARG */
export function taskSettings(options: TaskOptions): TaskSettings {
  requireKeys('options', options, KEYS);
  const { engine = 'auto', output = 'auto', view = 'auto', ensemble = 1, subset = 0, seed = 0 } = options;
  const { scale = 'auto', cutoff = 'auto', look = 'auto' } = options;
  const { partner = 'auto', inputSize = 'auto', location, temperature, window, volume = {} } = options;
  requireOneOf('options.engine', engine, ['auto', ...ENGINES]);
  requireOneOf('options.output', output, ['auto', ...OUTPUTS]);
  requireOneOf('options.partner', partner, ['auto', ...PARTNERS]);
  requireOneOf('options.scale', scale, ['auto', ...SCALES]);
  requireOneOf('options.view', view, ['auto', ...VIEWS]);
  requireOneOf('options.look', look, ['auto', ...LOOKS]);
  if (inputSize !== 'auto') requireInteger('options.inputSize', inputSize, 32, 8192);
  requireInteger('options.ensemble', ensemble, 1, 64);
  requireInteger('options.subset', subset, 0, 2 ** 20);
  requireInteger('options.seed', seed, 0, Number.MAX_SAFE_INTEGER);
  requireBoolean('options.flips', options.flips);
  if (cutoff !== 'auto')
    requireNumber(
      'options.cutoff',
      cutoff,
      (value) => value >= 0.01 && value <= 0.99,
      'a number from 0.01 to 0.99',
    );
  requireNumber('options.location', location, (value) => value >= 0 && value <= 1, 'a number from 0 to 1');
  requireNumber('options.temperature', temperature, (value) => value > 0, 'a number above 0');
  if (options.onProgress !== undefined && typeof options.onProgress !== 'function') {
    throw invalid('options.onProgress', 'a function', options.onProgress);
  }
  checkWindow(window);
  checkVolume(volume);
  return {
    engine,
    output,
    partner,
    location: location ?? null,
    temperature: temperature ?? null,
    scale,
    cutoff: cutoff === 'auto' ? null : cutoff,
    view,
    inputSize: inputSize === 'auto' ? null : inputSize,
    look,
    ensemble,
    subset,
    flips: options.flips ?? false,
    labels: options.labels === undefined ? null : labelTable(options.labels),
    allLabels: Array.isArray(options.labels),
    window: window ?? null,
    volume: { ...volume },
    seed,
  };
}

function requireNumber(
  name: string,
  value: unknown,
  fits: (value: number) => boolean,
  expectation: string,
): void {
  if (value === undefined) return;
  if (typeof value !== 'number' || !Number.isFinite(value) || !fits(value))
    throw invalid(name, expectation, value);
}

/** Windows are tried on an image only when one is read; a misspelt preset should not wait for that. */
function checkWindow(window: unknown): void {
  if (window === undefined || window === 'percentile') return;
  if (typeof window === 'string' && Object.hasOwn(CT_WINDOWS, window)) return;
  if (Array.isArray(window) && window.length === 2 && window.every(Number.isFinite) && window[0] <= window[1])
    return;
  throw invalid(
    'options.window',
    `[low, high], 'percentile' or one of ${Object.keys(CT_WINDOWS).join(', ')}`,
    window,
  );
}

function checkVolume(volume: VolumeOptions): void {
  requireKeys('options.volume', volume, ['axis', 'axes', 'policy', 'slices', 'minArea']);
  const { axis, axes, policy, slices, minArea } = volume;
  if (axis !== undefined && axis !== 0 && axis !== 1 && axis !== 2) {
    throw invalid('options.volume.axis', '0, 1 or 2', axis);
  }
  if (axes !== undefined) requireOneOf('options.volume.axes', axes, ['one', 'three']);
  if (axes === 'three' && axis !== undefined) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      "options.volume names one axis and asks for all three; leave `axis` out, or say axes: 'one'.",
    );
  }
  if (policy !== undefined) requireOneOf('options.volume.policy', policy, ['spread', ...SLICE_POLICIES]);
  if (slices !== undefined) requireInteger('options.volume.slices', slices, 1, 2 ** 20);
  if (minArea !== undefined) requireInteger('options.volume.minArea', minArea, 1, 2 ** 30);
}

function labelTable(labels: NonNullable<TaskOptions['labels']>): { value: number; name: string }[] {
  const entries: [unknown, unknown][] = Array.isArray(labels)
    ? (labels as readonly number[]).map((value) => [value, `label ${value}`])
    : labels instanceof Map
      ? [...labels]
      : typeof labels === 'object' && labels !== null
        ? Object.entries(labels).map(([value, name]) => [Number(value), name])
        : [];
  if (entries.length === 0) throw invalid('options.labels', 'label values or their names by value', labels);
  const table = entries.map(([value, name]) => {
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > 255) {
      throw mismatch('options.labels', 'label values from 1 to 255', describe(value));
    }
    if (typeof name !== 'string' || name === '') throw invalid(`options.labels[${value}]`, 'a name', name);
    return { value: value as number, name };
  });
  if (new Set(table.map(({ value }) => value)).size < table.length) {
    throw mismatch('options.labels', 'label values, each once', describe(labels));
  }
  return table.sort((a, b) => a.value - b.value);
}

/** The values of labels that are named; null for all that occur. */
export function valuesOf(labels: TaskSettings['labels']): ReadonlySet<number> | null {
  return labels === null ? null : new Set(labels.map(({ value }) => value));
}
