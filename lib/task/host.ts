import type {
  NativeEmbedding,
  NativeExample,
  NativeLook,
  NativePrompts,
  NativeSession,
  NativeTask,
  NativeTaskOutput,
} from '../../types/native.js';
import type { Cancellation } from '../cancellation.js';
import type { CallSite } from '../errors.js';
import { runJob } from '../run-job.js';
import type { JobOptions, SegmenterInfo } from '../segmenter.js';
import type { TaskProgress } from './options.js';
import type { FitOptions } from './recipe.js';

/** What tasks use of the segmenter that they belong to. */
export interface TaskHost {
  readonly session: NativeSession;
  readonly info: SegmenterInfo;
  /** Queues a job, see Segmenter. */
  job<T>(
    site: CallSite,
    options: JobOptions,
    prepare: (cancellation: Cancellation) => (cancellation: Cancellation) => Promise<T>,
  ): Promise<T>;
}

/** What leaveOneOut says of one example, in pixels. */
export interface LeftOut {
  readonly group: number;
  readonly truth: number;
  /** At each of the cutoffs. */
  readonly both: readonly number[];
  readonly predicted: readonly number[];
}

/** Of each candidate what it says of each example, in their order. */
export interface LeftOutAll {
  /** Probabilities from which on a pixel was target; the first is 0.5. */
  readonly cutoffs: readonly number[];
  readonly candidates: readonly (readonly LeftOut[])[];
}

/** The addon is given pictures as a look shows them, and need not know which. */
function nativeFit({ look: _look, ...options }: FitOptions): Omit<FitOptions, 'look'> {
  return options;
}

/** The native calls of one job, with its way to be stopped. */
export class Work {
  constructor(
    private readonly session: NativeSession,
    readonly cancellation: Cancellation,
    private readonly site: CallSite,
    private readonly report: (stage: string, fraction: number) => void = () => {},
  ) {}

  get lowResSize(): number {
    return this.session.lowResSize;
  }

  /** Tells how far the job is, 0 to 1 within its stage. */
  progress(stage: string, fraction: number): void {
    this.report(stage, fraction);
  }

  encode(
    image: { data: Uint8Array; width: number; height: number; channels: 1 | 3 },
    look: NativeLook,
  ): Promise<NativeEmbedding> {
    return runJob(
      () => this.session.encode(image, look),
      this.cancellation,
      this.site,
      (late) => late.close(),
    );
  }

  fit(examples: NativeExample[], options: FitOptions): Promise<NativeTask> {
    return runJob(
      () => this.session.defineTask(examples, JSON.stringify(nativeFit(options))),
      this.cancellation,
      this.site,
      (late) => late.close(),
    );
  }

  /** Probability [height, width] of the embedding's picture, and the members' spread if asked for. */
  async ask(
    task: NativeTask,
    embedding: NativeEmbedding,
    prompts: NativePrompts | null,
    withSpread: boolean,
  ): Promise<NativeTaskOutput> {
    const pixels = embedding.imageWidth * embedding.imageHeight;
    const out: NativeTaskOutput = {
      probability: new Float32Array(pixels),
      ...(withSpread && { spread: new Float32Array(pixels) }),
    };
    await runJob(() => this.session.predictTask(task, embedding, prompts, out), this.cancellation, this.site);
    return out;
  }

  /** Logits [height, width] of SAM alone, for one object. */
  async promptOnly(embedding: NativeEmbedding, prompts: NativePrompts): Promise<Float32Array> {
    const pixels = embedding.imageWidth * embedding.imageHeight;
    const logits = new Float32Array(pixels);
    const out = {
      masks: new Uint8Array(pixels),
      scores: new Float32Array(1),
      stability: new Float32Array(1),
      logits,
    };
    await runJob(
      () => this.session.predict(embedding, prompts, { multimask: false }, out),
      this.cancellation,
      this.site,
    );
    return logits;
  }

  async leaveOneOut(examples: NativeExample[], candidates: readonly FitOptions[]): Promise<LeftOutAll> {
    const json = await runJob(
      () => this.session.leaveOneOut(examples, JSON.stringify(candidates.map(nativeFit))),
      this.cancellation,
      this.site,
    );
    const found = JSON.parse(json) as { cutoffs: number[]; candidates: { results: LeftOut[] }[] };
    return { cutoffs: found.cutoffs, candidates: found.candidates.map(({ results }) => results) };
  }

  save(task: NativeTask, extra: string, path: string): Promise<void> {
    return runJob(() => this.session.saveTask(task, extra, path), this.cancellation, this.site);
  }

  load(path: string): Promise<{ task: NativeTask; extraJson: string }> {
    return runJob(
      () => this.session.loadTask(path),
      this.cancellation,
      this.site,
      (late) => late.task.close(),
    );
  }
}

/** The work of one job. */
export function workOf(
  host: TaskHost,
  cancellation: Cancellation,
  site: CallSite,
  onProgress?: (progress: TaskProgress) => void,
): Work {
  return new Work(host.session, cancellation, site, (stage, fraction) => onProgress?.({ stage, fraction }));
}

/** What of a method's options its job takes. */
export function jobOptions({ signal, queue }: JobOptions): JobOptions {
  return { ...(signal === undefined ? {} : { signal }), ...(queue === undefined ? {} : { queue }) };
}
