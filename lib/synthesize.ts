import { Cancellation } from './cancellation.js';
import { callSite } from './errors.js';
import { native } from './native.js';
import { runJob } from './run-job.js';
import { invalid, requireInteger, requireKeys, requireSignal } from './validate.js';

/** Which subjects of which task. All of it decides the pictures; nothing else does. */
export interface SynthesizeOptions {
  /** 0 .. 2^53 - 1. Default 0. */
  readonly seed?: number;
  /** The task's number, 0 .. 2^53 - 1. Default 0. */
  readonly task?: number;
  /** Side of the square pictures: a multiple of 8 from 32 to 1024. Default 128. */
  readonly size?: number;
  /** The first subject's number. Default 0. */
  readonly first?: number;
  /** How many subjects, up to 4096. Default 1. */
  readonly count?: number;
  readonly signal?: AbortSignal;
}

/** What a synthetic task is. */
export interface SyntheticTraits {
  /** `anatomy`, `cells`, ... */
  readonly family: string;
  /** The same place means the same thing in every subject. */
  readonly aligned: boolean;
  readonly channels: 1 | 3;
  /** What the masks show, for example `organ` or `wall`. */
  readonly target: string;
  /** The masks show the border of that. */
  readonly border: boolean;
  /** Mean share of the pixels over a few subjects. */
  readonly area: number;
  /** Share of the pixels at which a subject's warp folds, over the same. */
  readonly folded: number;
}

export interface SyntheticSubject {
  /** [size, size, channels], interleaved. */
  readonly image: Uint8Array;
  /** [size, size], 0 or 1. */
  readonly mask: Uint8Array;
}

export interface SyntheticTask {
  readonly traits: SyntheticTraits;
  readonly size: number;
  readonly subjects: readonly SyntheticSubject[];
}

const MOST = Number.MAX_SAFE_INTEGER;
/** Of one call: 256 MB with their masks. */
const MOST_PIXELS = 2 ** 26;

/**
 * Paints subjects of a synthetic segmentation task: the same bytes for the same seed, task, subject and size,
 * whatever was painted before.
 * @throws GmisegError ERR_INVALID_ARG; the signal's reason
 */
export async function synthesize(options: SynthesizeOptions = {}): Promise<SyntheticTask> {
  const site = callSite(synthesize);
  requireKeys('options', options, ['seed', 'task', 'size', 'first', 'count', 'signal']);
  const { seed = 0, task = 0, size = 128, first = 0, count = 1, signal } = options;
  requireInteger('options.seed', seed, 0, MOST);
  requireInteger('options.task', task, 0, MOST);
  requireInteger('options.count', count, 0, 4096);
  requireInteger('options.first', first, 0, MOST - count);
  if (!Number.isInteger(size) || size < 32 || size > 1024 || size % 8 !== 0)
    throw invalid('options.size', 'a multiple of 8 from 32 to 1024', size);
  requireSignal('options.signal', signal);
  const pixels = size * size;
  if (count * pixels > MOST_PIXELS)
    throw invalid(
      'options.count',
      `at most ${Math.floor(MOST_PIXELS / pixels)} at this size; ask in parts`,
      count,
    );
  const images = new Uint8Array(count * pixels * 3);
  const masks = new Uint8Array(count * pixels);
  const cancellation = new Cancellation(signal);
  try {
    const request = { seed, task, size, first, count };
    const text = await runJob(() => native().synthesize(request, { images, masks }), cancellation, site);
    const traits = JSON.parse(text) as SyntheticTraits;
    const bytes = pixels * traits.channels;
    const subjects = Array.from({ length: count }, (_, i) => ({
      image: images.subarray(i * bytes, (i + 1) * bytes),
      mask: masks.subarray(i * pixels, (i + 1) * pixels),
    }));
    return { traits, size, subjects };
  } finally {
    cancellation.dispose();
  }
}
