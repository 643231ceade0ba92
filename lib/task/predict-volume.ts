import {
  type Axis,
  type IntensityWindow,
  planeAxes,
  putSlice,
  sliceSize,
  takeSlice,
  toUint8,
  type Volume,
} from '../image/index.js';
import type { Answer, Query } from './ask.js';
import type { Work } from './host.js';
import type { FramedPicture } from './picture.js';
import { answersOf, queryOf } from './predict-picture.js';
import { logitOf } from './probability.js';
import type { VolumeResult } from './result.js';
import { joined, settle } from './settle.js';
import { onOwnGrid, standardView } from './standard-view.js';
import type { Section, TaskLabel } from './state.js';

export interface VolumeAsk {
  readonly labels: readonly TaskLabel[];
  readonly channels: 1 | 3;
  readonly window: IntensityWindow | undefined;
  /** Which section answers for slices across which axis. */
  readonly passes: readonly { readonly axis: Axis; readonly section: Section }[];
  /** 0 to 1: how much a slice's two neighbours count beside its own answer. */
  readonly neighbours: number;
  readonly probability: boolean;
  readonly uncertainty: boolean;
}

/**
 * A volume slice by slice across each axis of `passes`, the mean over them, and the label map on the volume's own
 * grid.
 */
export async function predictVolume(work: Work, original: Volume, ask: VolumeAsk): Promise<VolumeResult> {
  const volume = standardView(original);
  const { shape } = volume;
  const back = <T extends Uint8Array | Float32Array>(data: T): T => onOwnGrid(data, shape, original);
  const { labels, passes } = ask;
  const values = labels.map(({ value }) => value);
  const voxels = shape[0] * shape[1] * shape[2];
  const map = new Uint8Array(voxels);
  // One axis alone is settled slice by slice: probabilities of a whole volume are four bytes a voxel and label.
  const whole = passes.length > 1 || ask.probability || ask.uncertainty;
  const mean = whole ? labels.map(() => new Float32Array(voxels)) : [];
  const variance = ask.uncertainty ? labels.map(() => new Float32Array(voxels)) : [];
  for (const [at, { axis, section }] of passes.entries()) {
    const done = (index: number): void =>
      work.progress('predict', (at + index / shape[axis]) / passes.length);
    for await (const { index, answers } of slicesOf(work, volume, axis, section, ask, done)) {
      if (!whole) {
        const { width, height } = sliceSize(shape, axis);
        const data = settle(
          answers.map(({ probability }) => probability),
          values,
        );
        putSlice({ data: map, shape }, axis, index, { data, width, height });
        continue;
      }
      for (const [label, { probability, spread }] of answers.entries()) {
        addSlice(mean[label]!, shape, axis, index, (pixel) => (probability[pixel] as number) / passes.length);
        const square = variance[label];
        if (square === undefined) continue;
        // Mean of spread^2 + probability^2: what is left after the mean's square is everybody's variance.
        const second = (pixel: number): number =>
          ((spread?.[pixel] ?? 0) ** 2 + (probability[pixel] as number) ** 2) / passes.length;
        addSlice(square, shape, axis, index, second);
      }
    }
  }
  const uncertainty = variance.map((square, label) =>
    square.map((value, at) => Math.sqrt(Math.max(0, value - (mean[label]![at] as number) ** 2))),
  );
  return {
    kind: 'volume',
    shape: original.shape,
    spacing: original.spacing,
    affine: original.affine,
    volume: original,
    axes: passes.map(({ axis }) => axis),
    values,
    count: values.length,
    labels: back(whole ? settle(mean, values) : map),
    ...(ask.probability && { probability: joined(mean.map(back)) }),
    ...(ask.uncertainty && { uncertainty: joined(uncertainty.map(back)) }),
  };
}

interface SliceAnswer {
  readonly index: number;
  readonly answers: readonly Answer[];
}

/** The answers of all slices in order; with a look at their neighbours if wanted: 2.5-D. */
async function* slicesOf(
  work: Work,
  volume: Volume,
  axis: Axis,
  section: Section,
  ask: VolumeAsk,
  done: (index: number) => void,
): AsyncGenerator<SliceAnswer> {
  const count = volume.shape[axis];
  const open = async (index: number): Promise<AskedSlice> => {
    work.cancellation.throwIfCancelled();
    done(index);
    return await AskedSlice.ask(work, volume, axis, index, section, ask);
  };
  let before: AskedSlice | null = null;
  let here = await open(0);
  let after: AskedSlice | null = null;
  try {
    for (let index = 0; index < count; index++) {
      after = index + 1 < count ? await open(index + 1) : null;
      const beside = [before, after].filter((each) => each !== null);
      yield { index, answers: await here.besides(work, beside, section, ask) };
      here.close();
      before = here;
      if (after !== null) here = after;
    }
  } finally {
    here.close();
    after?.close();
  }
}

/** A slice says no more than this to its neighbours, as a logit: a hint, not a verdict. */
const HINT = 2;

/** A slice that has been asked for by itself. */
class AskedSlice {
  private constructor(
    /** Null where it will not be asked again: beyond the body, and where neighbours do not count. */
    private readonly query: Query<FramedPicture> | null,
    readonly answers: readonly Answer[],
  ) {}

  static async ask(
    work: Work,
    volume: Volume,
    axis: Axis,
    index: number,
    section: Section,
    { labels, channels, window, neighbours, uncertainty }: VolumeAsk,
  ): Promise<AskedSlice> {
    const slice = takeSlice(volume, axis, index);
    // Beyond the body scanners pad with one value, which may be NaN; there is nothing to find on such a slice.
    if (slice.data.every((value) => Object.is(value, slice.data[0]))) {
      const nothing = new Float32Array(slice.width * slice.height);
      return new AskedSlice(
        null,
        labels.map(() => ({ probability: nothing, spread: null })),
      );
    }
    const query = queryOf(toUint8(slice, window, { volume }), channels);
    let again: typeof query | null = null;
    try {
      const answers = await answersOf(work, { section, labels }, query, { spread: uncertainty });
      if (neighbours > 0) again = query;
      return new AskedSlice(again, answers);
    } finally {
      if (again === null) query.close();
    }
  }

  /** The answers once more, with the mean of the neighbours' clipped and weighted logits as part of the mask prompt. */
  async besides(
    work: Work,
    neighbours: readonly AskedSlice[],
    section: Section,
    { labels, neighbours: weight, uncertainty }: VolumeAsk,
  ): Promise<readonly Answer[]> {
    if (neighbours.length === 0 || this.query === null) return this.answers;
    const hints = labels.map(({ value }, label) => {
      const hint = new Float32Array(this.answers[label]!.probability.length);
      for (const { answers } of neighbours) {
        const { probability } = answers[label]!;
        for (let at = 0; at < hint.length; at++) {
          const logit = Math.min(HINT, Math.max(-HINT, logitOf(probability[at] as number)));
          (hint[at] as number) += (weight * logit) / neighbours.length;
        }
      }
      return [value, hint] as const;
    });
    return await answersOf(work, { section, labels }, this.query, {
      hints: new Map(hints),
      spread: uncertainty,
    });
  }

  close(): void {
    this.query?.close();
  }
}

/** Adds a slice's values to a volume. */
function addSlice(
  target: Float32Array,
  shape: readonly [number, number, number],
  axis: Axis,
  index: number,
  value: (pixel: number) => number,
): void {
  const strides = [1, shape[0], shape[0] * shape[1]] as const;
  const [x, y] = planeAxes(axis);
  const { width, height } = sliceSize(shape, axis);
  for (let row = 0; row < height; row++) {
    let at = index * strides[axis] + row * strides[y];
    for (let column = 0; column < width; column++, at += strides[x]) {
      (target[at] as number) += value(row * width + column);
    }
  }
}
