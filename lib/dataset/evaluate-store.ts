import { type Overlap, overlap } from '../metrics.js';
import type { Prompts } from '../prompts.js';
import type { Segmenter } from '../segmenter.js';
import type { SliceEntry } from './slice-index.js';
import type { SliceStore, StoredSlice } from './slice-store.js';
import type { SplitName } from './split.js';

/** One label of one slice, to be predicted. */
export interface EvaluationTask {
  readonly slice: StoredSlice;
  readonly label: number;
  /** The label's pixels of the slice: 0 or 1. */
  readonly truth: Uint8Array;
}

/** One prediction with its score. */
export interface Evaluated extends EvaluationTask, Overlap {
  /** Which of the prompts of the task. */
  readonly prompt: string;
  readonly prompts: Prompts;
  /** [height, width], 0 or 1 */
  readonly mask: Uint8Array;
  /** The IoU that the model expects. */
  readonly score: number;
}

export interface EvaluateOptions {
  /** Default `test`. */
  split?: SplitName;
  /** The prompts to try on a task, by name. Those that are null are left out. */
  prompts: (task: EvaluationTask) => Record<string, Prompts | null>;
  signal?: AbortSignal;
  /** Slices done, of all. */
  onProgress?: (done: number, total: number) => void;
}

/**
 * Predicts every label of every slice of a split, one encoding for each slice,
 * and scores it against the truth. The results come one by one, so that whoever
 * reads them decides what to keep.
 */
export async function* evaluateStore(
  segmenter: Segmenter,
  store: SliceStore,
  { split = 'test', prompts, signal, onProgress }: EvaluateOptions,
): AsyncGenerator<Evaluated> {
  const entries = store.slices.filter((entry) => entry.split === split);
  const job = signal === undefined ? {} : { signal };
  for (const [done, entry] of entries.entries()) {
    onProgress?.(done, entries.length);
    const slice = await store.read(entry);
    const { width, height, channels } = entry;
    const embedding = await segmenter.encode({ data: slice.image, width, height, channels }, job);
    try {
      for (const label of labelsOf(entry)) {
        const truth = slice.mask.map((value) => (value === label ? 1 : 0));
        const task: EvaluationTask = { slice, label, truth };
        for (const [prompt, given] of Object.entries(prompts(task))) {
          if (given === null) continue;
          const { masks, scores } = await segmenter.predict(embedding, given, job);
          const mask = masks.subarray(0, width * height);
          yield {
            ...task,
            prompt,
            prompts: given,
            mask,
            score: scores[0] as number,
            ...overlap(mask, truth),
          };
        }
      }
    } finally {
      embedding.close();
    }
  }
  onProgress?.(entries.length, entries.length);
}

function labelsOf(entry: SliceEntry): number[] {
  return Object.keys(entry.labels).map(Number);
}
