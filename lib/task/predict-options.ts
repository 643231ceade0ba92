import { usableAxes } from '../dataset/slicing.js';
import { GmisegError } from '../errors.js';
import type { Axis, Volume } from '../image/index.js';
import type { JobOptions } from '../segmenter.js';
import { invalid, requireBoolean, requireKeys, requireOneOf } from '../validate.js';
import type { TaskProgress } from './options.js';
import type { TaskPrompts } from './place-prompts.js';
import { thickAxis } from './slices-of-volume.js';
import { standardGrid } from './standard-view.js';
import type { Section } from './state.js';

export interface TaskPredictOptions extends JobOptions {
  /** Clicks and a box that correct the answer, in pixels of the picture; by label value where there are several labels. */
  readonly prompts?: TaskPrompts;
  readonly returnProbability?: boolean;
  readonly returnUncertainty?: boolean;
  /** Of a volume: the axis to cut it across, if not the task's own; see VolumeOptions. */
  readonly axis?: Axis;
  /**
   * Of a volume: `one` axis, or the mean over all `three`. A task that was defined with volume.axes 'three' uses all
   * where this is left out.
   */
  readonly axes?: 'one' | 'three';
  /** Of a volume: how much the two neighbours of a slice count beside its own answer, 0 (the default) to 1. */
  readonly neighbours?: number;
  readonly onProgress?: (progress: TaskProgress) => void;
}

const PREDICT_KEYS = [
  'signal',
  'queue',
  'prompts',
  'returnProbability',
  'returnUncertainty',
  'axis',
  'axes',
  'neighbours',
  'onProgress',
];

/** @throws GmisegError ERR_INVALID_ARG */
export function checkPredictOptions(options: TaskPredictOptions): void {
  requireKeys('options', options, PREDICT_KEYS);
  const { axis, axes, neighbours } = options;
  requireBoolean('options.returnProbability', options.returnProbability);
  requireBoolean('options.returnUncertainty', options.returnUncertainty);
  if (axis !== undefined && axis !== 0 && axis !== 1 && axis !== 2) {
    throw invalid('options.axis', '0, 1 or 2', axis);
  }
  if (axes !== undefined) requireOneOf('options.axes', axes, ['one', 'three']);
  if (axes === 'three' && axis !== undefined) {
    throw new GmisegError('ERR_INVALID_ARG', "options.axis names one axis, but axes: 'three' asks for all.");
  }
  if (neighbours !== undefined && !(typeof neighbours === 'number' && neighbours >= 0 && neighbours <= 1)) {
    throw invalid('options.neighbours', 'a number from 0 to 1', neighbours);
  }
}

/** Which section answers across which axis. */
export function passesFor(
  sections: readonly Section[],
  volume: Volume,
  { axis, axes }: TaskPredictOptions,
): { axis: Axis; section: Section }[] {
  const { shape, spacing } = standardGrid(volume);
  const thick = thickAxis(spacing);
  const of = (wanted: Axis): Section => sections.find((section) => section.axis === wanted) ?? sections[0]!;
  const across = (axes: readonly Axis[]): { axis: Axis; section: Section }[] =>
    usableAxes(shape, axes).map((each) => ({ axis: each, section: of(each) }));
  if (axes === 'three') {
    if (sections.length < 3 && sections[0]!.axis !== null) {
      throw new GmisegError(
        'ERR_INVALID_ARG',
        "The task has examples across one axis only; define it with volume: { axes: 'three' } to use all three.",
      );
    }
    return across([0, 1, 2]);
  }
  if (axis !== undefined) return across([axis]);
  if (sections[0]!.axis === null) return across([thick]);
  const own = axes === 'one' ? sections.filter((section) => section.axis === thick) : sections;
  return across((own.length > 0 ? own : sections.slice(0, 1)).map((section) => section.axis!));
}
