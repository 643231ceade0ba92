/**
 * The contract of gmiseg.node: everything that lib/ may ask of the addon.
 * Hand-written; native/binding implements it and lib/native.ts alone loads it.
 *
 * Asynchronous calls return a NativeJob. Jobs of one environment run one at a
 * time, first in first out, on the lane thread. Inputs are copied before the
 * call returns; outputs are written into the typed arrays given, which nobody
 * else may touch until the promise settles. A rejection is a NativeError, a
 * plain object; lib/errors.ts makes an Error of it.
 */
export interface NativeError {
  /** Stable, "ERR_..."; "ERR_ABORTED" when `abort()` was called. */
  readonly code: string;
  /** What went wrong and what to do about it. */
  readonly message: string;
  /** The text of the library below, or ''. */
  readonly native: string;
}

export interface NativeJob<T> {
  readonly promise: Promise<T>;
  /** Asks the job to stop at its next check; queued jobs never start. Idempotent. */
  abort(): void;
}

export interface NativeLoadOptions {
  checkpoint: string;
  /** A variant's name, JSON text, or ''. */
  config: string;
  adapter: string;
  /** Side of the encoder's input; 0 or missing: as the config says */
  imageSize?: number;
  device: string;
  dtype: string;
  threads: number;
  /** 0 .. 2^53 - 1 */
  seed: number;
  /** A folder; '' or missing: none */
  embeddingCache?: string;
  embeddingCacheBytes?: number;
}

/** Interleaved 8-bit pixels, row-major. */
export interface NativeImage {
  data: Uint8Array;
  width: number;
  height: number;
  channels: 1 | 3;
}

export interface NativePrompts {
  rows: number;
  pointsPerRow: number;
  /** [rows, pointsPerRow, 2], pixels of the original image */
  points?: Float32Array;
  /** [rows, pointsPerRow]: 1, 0 or -1 (padding) */
  labels?: Float32Array;
  /** [rows, 4] x0, y0, x1, y1 */
  boxes?: Float32Array;
  /** [rows, lowRes, lowRes] logits */
  maskLogits?: Float32Array;
  /** [rows, height, width] of the image, 0 or not 0 */
  mask?: Uint8Array;
  /** [rows, height, width] of the image: logits that are added to the mask, or to a learned task's own */
  hint?: Float32Array;
}

/** Arrays that lib allocates; count = rows * (multimask ? 3 : 1). */
export interface NativePredictOutput {
  masks: Uint8Array;
  scores: Float32Array;
  stability: Float32Array;
  lowRes?: Float32Array;
  logits?: Float32Array;
}

export interface NativeEmbedding {
  readonly imageWidth: number;
  readonly imageHeight: number;
  readonly shape: readonly number[];
  /** Throws ERR_CLOSED after close(). */
  toArray(): Float32Array;
  close(): void;
}

/** A picture with the mask of the task's target. */
export interface NativeExample {
  embedding: NativeEmbedding;
  /** [height, width] of the image, 0 or not 0 */
  mask: Uint8Array;
  /** Examples of one group are left out together, 0 .. 2^31 - 1. */
  group: number;
}

/** A binary task, fitted to its examples. */
export interface NativeTask {
  readonly examples: number;
  /** JSON: {"options", "examples", "members": [what each member found]} */
  describe(): string;
  close(): void;
}

export interface NativeTaskOutput {
  /** [height, width] of the image: probability of the target, mean over the members */
  probability: Float32Array;
  /** [height, width]: standard deviation over the members */
  spread?: Float32Array;
}

export interface NativeTraining extends NativeJob<string> {
  /**
   * The reports that came since the last call, oldest first, each a JSON line.
   * At most 256 wait here; when more come unread the oldest are dropped and
   * counted (all of them are in metrics.jsonl).
   */
  take(): { lines: string[]; dropped: number };
}

/** How an image is shown to the encoder. */
export interface NativeLook {
  /** Side of the encoder's input; 0 or missing: the model's own */
  side?: number;
  /** Of the surroundings that each pixel is compared with, in pixels; 0 or missing: the image as it is */
  radius?: number;
  /** Of a coloured image, the one that is flattened; -1 or missing: its grey */
  channel?: number;
}

export interface NativeSession {
  /** JSON, see engine/session.h */
  info(): string;
  readonly lowResSize: number;
  encode(image: NativeImage, look?: NativeLook): NativeJob<NativeEmbedding>;
  predict(
    embedding: NativeEmbedding,
    prompts: NativePrompts,
    options: { multimask: boolean },
    out: NativePredictOutput,
  ): NativeJob<void>;
  /** optionsJson: FitOptions of native/core/support/engine.h. */
  defineTask(examples: NativeExample[], optionsJson: string): NativeJob<NativeTask>;
  /** `prompts`: one row of clicks or a box that correct the task's answer, or null. */
  predictTask(
    task: NativeTask,
    embedding: NativeEmbedding,
    prompts: NativePrompts | null,
    out: NativeTaskOutput,
  ): NativeJob<void>;
  /** candidatesJson: a list of FitOptions. Resolves with the JSON of leave_one_out in native/core/support/engine.h. */
  leaveOneOut(examples: NativeExample[], candidatesJson: string): NativeJob<string>;
  /** `extraJson` is kept in the file. */
  saveTask(task: NativeTask, extraJson: string, path: string): NativeJob<void>;
  loadTask(path: string): NativeJob<{ task: NativeTask; extraJson: string }>;
  /** Resolves with the summary as JSON. `onReports` says that take() has something; it must not throw. */
  train(optionsJson: string, onReports: () => void): NativeTraining;
  save(path: string, what: 'adapter' | 'full' | 'merged'): NativeJob<void>;
  /** Frees the weights once running jobs of this session are done. Idempotent; later calls reject with ERR_CLOSED. */
  close(): void;
}

export interface NativeSynthesizeOptions {
  /** seed, task and first: 0 .. 2^53 - 1 */
  seed: number;
  task: number;
  /** A multiple of 8 from 32 to 1024. */
  size: number;
  /** Subjects first .. first + count - 1. */
  first: number;
  count: number;
}

/** A grid of two or three axes, the first one fastest. */
export interface NativeGrid {
  /** 1 .. 2^20 each */
  shape: number[];
  /** As long as `shape`, above 0 */
  spacing: number[];
}

export interface NativeEvaluateRequest extends NativeGrid {
  /** Label values, one for each voxel */
  prediction: Uint8Array | Uint16Array | Int32Array;
  truth: Uint8Array | Uint16Array | Int32Array;
  /** What to score: values (from 1) that together are one object; an empty list means all but 0. */
  objects: number[][];
  /** Of the NSD, in the unit of the spacing, above 0 */
  tolerance: number;
}

export interface NativeModule {
  readonly version: string;
  /** JSON, see engine/session.h */
  runtimeInfo(): string;
  /** All codes that the native side can send. */
  errorCodes(): string[];
  load(
    options: NativeLoadOptions,
    onProgress?: (stage: string, fraction: number) => void,
  ): NativeJob<NativeSession>;
  inspectCheckpoint(path: string): NativeJob<string>;
  parity(folder: string, suite: string, device: string): NativeJob<string>;
  /**
   * Paints subjects of a synthetic task into `out` and resolves with the task's traits as JSON, see
   * synth/synthesize.h. `images` holds count * size * size * 3 bytes; a task in grey uses the first third of it.
   */
  synthesize(
    options: NativeSynthesizeOptions,
    out: { images: Uint8Array; masks: Uint8Array },
  ): NativeJob<string>;
  /** Resolves with JSON: one entry for each of `objects`, see metrics/evaluate.h. */
  evaluate(request: NativeEvaluateRequest): NativeJob<string>;
  /** From each voxel to the nearest one of the mask that is not 0; infinite where there is none. */
  distanceTransform(request: NativeGrid & { mask: Uint8Array }, out: Float64Array): NativeJob<void>;
}
