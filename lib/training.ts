import type { NativeTraining } from '../types/native.js';
import { GmisegError } from './errors.js';

/** One optimiser step. */
export interface StepReport {
  readonly type: 'step';
  /** From 1; counts on over resumed runs. */
  readonly step: number;
  readonly loss: number;
  /** Parts of the loss, of those that the model has; baselines have others beside them (docs/baselines.md). */
  readonly focal?: number;
  readonly diceLoss?: number;
  readonly iouLoss?: number;
  /** Dice of the thresholded masks, 0 to 1. */
  readonly dice: number;
  /** In episodes: loss and Dice of the task encoder's own logits, and Dice with clicks and boxes. */
  readonly denseLoss?: number;
  readonly denseDice?: number;
  readonly promptDice?: number;
  /** Norm of the whole gradient, before it was clipped. */
  readonly gradNorm: number;
  /** The learning rate of this step. */
  readonly lr: number;
  /** The gradient was not finite and the weights stayed as they were. */
  readonly skipped?: boolean;
  /** Milliseconds; on a GPU until all of it was asked for, which may be before it is done. */
  readonly ms: number;
}

/** One look at the split "val". */
export interface ValidationReport {
  readonly type: 'validation';
  readonly step: number;
  /** Mean Dice, 0 to 1. */
  readonly dice: number;
  readonly samples: number;
}

/** A line of metrics.jsonl. Lines may hold more than is listed here. */
export type TrainStep = StepReport | ValidationReport;

export interface TrainSummary {
  readonly steps: number;
  /** The first step of this run: more than 0 where it went on from a checkpoint. */
  readonly firstStep: number;
  /** Whether it ended before its last step. */
  readonly stopped: boolean;
  /** Running mean over the steps of this run; each new one counts 5 %. */
  readonly loss: number;
  /** Mean Dice of this run's last validation, 0 to 1; null where there was none. */
  readonly valDice: number | null;
  /** The best one, earlier runs that this one went on with included. */
  readonly bestValDice: number | null;
  /** Where that was; 0 where there was no validation. */
  readonly bestStep: number;
  readonly trainableParameters: number;
  /** Of this run, on the clock. */
  readonly seconds: number;
  /** Of these, how long steps waited for their batches. */
  readonly feedWaitSeconds: number;
  /**
   * What was kept of pictures (TrainOptions.activationCache): how many, their bytes, and how often they were used again;
   * null where nothing could be.
   */
  readonly activationCache: {
    readonly pictures: number;
    readonly bytes: number;
    readonly used: number;
  } | null;
  /** What was planned for TrainOptions.memory; null without it. */
  readonly memory: {
    readonly budgetBytes: number;
    /** Weights, moments and the process itself. */
    readonly heldBytes: number;
    /** At a step's peak, what is held included. */
    readonly expectedBytes: number;
    /** Blocks of the encoder whose activations are computed twice. */
    readonly recomputedBlocks: number;
  } | null;
  /** The run folder and the last checkpoint in it. */
  readonly out: string;
  readonly file: string;
}

/** How Training and Segmenter talk. */
export interface TrainingControl {
  /** To be called with the native job once it runs. */
  started(job: NativeTraining): void;
  /** The native job's onReports. */
  readonly onReports: () => void;
}

/**
 * A training that runs, since `Segmenter.train` was called.
 *
 * As an async iterable it gives the reports as they come: up to 256 wait for a slow reader, then the oldest are
 * dropped (`dropped` counts them; metrics.jsonl has them all). Leaving the loop stops the training and waits
 * for its end. As a promise it gives the summary; one need not read reports for that.
 *
 * It fails, in the loop and in the promise alike, with a GmisegError, or with the signal's reason after an abort.
 */
export class Training implements AsyncIterable<TrainStep>, PromiseLike<TrainSummary> {
  readonly #summary: Promise<TrainSummary>;
  readonly #withdraw: (reason: unknown) => void;
  #job: NativeTraining | undefined;
  #unread: string[] = [];
  #dropped = 0;
  #ended = false;
  #stopping = false;
  #left = false;
  #changed = new Signal();

  /**
   * @internal Trainings come from Segmenter.train. `run` resolves with the native summary; `withdraw` keeps it
   * from starting while it waits for its turn.
   */
  constructor(run: (control: TrainingControl) => Promise<string>, withdraw: (reason: unknown) => void) {
    this.#withdraw = withdraw;
    this.#summary = this.#run(run);
  }

  async #run(run: (control: TrainingControl) => Promise<string>): Promise<TrainSummary> {
    try {
      const control = {
        started: (job: NativeTraining): void => {
          this.#job = job;
        },
        onReports: (): void => this.#changed.raise(),
      };
      return JSON.parse(await run(control)) as TrainSummary;
    } finally {
      this.#ended = true;
      this.#changed.raise();
    }
  }

  /** Reports that came faster than they were read and were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Ends the training after the step that runs, with a checkpoint, and waits for that.
   * @returns the summary, with `stopped: true` unless it had ended already
   * @throws what the training fails with; GmisegError ERR_ABORTED if it had not begun
   */
  stop(): Promise<TrainSummary> {
    if (!this.#stopping && !this.#ended) {
      this.#stopping = true;
      if (this.#job) this.#job.abort();
      else this.#withdraw(new GmisegError('ERR_ABORTED', 'The training was stopped before it began.'));
    }
    return this.#summary;
  }

  // biome-ignore lint/suspicious/noThenProperty: a PromiseLike is meant
  then<A = TrainSummary, B = never>(
    onFulfilled?: ((summary: TrainSummary) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#summary.then(onFulfilled, onRejected);
  }

  /** Every iterator reads from the same stream. */
  [Symbol.asyncIterator](): AsyncIterator<TrainStep, undefined> {
    // The loop gets the failure from next(); the promise, which nobody may hold, must not report it again.
    this.#summary.catch(() => {});
    return { next: () => this.#next(), return: () => this.#leave() };
  }

  async #next(): Promise<IteratorResult<TrainStep, undefined>> {
    while (!this.#left) {
      const ended = this.#ended; // before reading: what came before the end is read first
      const changed = this.#changed.promise;
      const line = this.#read();
      if (line !== undefined) return { done: false, value: JSON.parse(line) as TrainStep };
      if (ended) {
        this.#left = true;
        await this.#summary;
      } else {
        await changed;
      }
    }
    return { done: true, value: undefined };
  }

  #read(): string | undefined {
    if (this.#unread.length === 0 && this.#job) {
      const { lines, dropped } = this.#job.take();
      this.#unread = lines;
      this.#dropped += dropped;
    }
    return this.#unread.shift();
  }

  async #leave(): Promise<IteratorResult<TrainStep, undefined>> {
    this.#left = true;
    try {
      await this.stop();
    } catch (error) {
      if (!(error instanceof GmisegError && error.code === 'ERR_ABORTED')) throw error;
    }
    return { done: true, value: undefined };
  }
}

/** A promise for "something changed", renewed each time. */
class Signal {
  promise!: Promise<void>;
  #resolve!: () => void;

  constructor() {
    this.#renew();
  }

  raise(): void {
    this.#resolve();
    this.#renew();
  }

  #renew(): void {
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }
}
