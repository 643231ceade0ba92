import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type ErrorCode, GmisegError } from '../errors.js';
import type { DatasetCase } from './case.js';
import type { CaseAnswer, CaseWorkerData } from './case-worker.js';
import type { LabelRules } from './label-values.js';
import { type PreparedCase, type PrepareOptions, prepareCase } from './prepare-case.js';

export interface CasePoolOptions {
  /** Threads that read and cut cases; 0 does it here, one after the other. */
  readonly workers: number;
  readonly signal?: AbortSignal;
}

/** What became of a case: its slices, or why it could not be read. */
export type CaseOutcome =
  | { readonly one: DatasetCase; readonly prepared: PreparedCase }
  | { readonly one: DatasetCase; readonly error: unknown };

/** The built worker; sources (in tests) have none and work in their own thread. */
const WORKER = fileURLToPath(new URL('./case-worker.js', import.meta.url));

/**
 * Prepares cases, several at a time, and yields them in the order given. At most one case per thread is in memory
 * beside those that wait for an earlier one, of which there are no more than threads. Leaving the loop ends the
 * threads. An abort rejects with the signal's reason.
 */
export async function* prepareCases(
  cases: readonly DatasetCase[],
  rules: LabelRules,
  options: PrepareOptions,
  { workers, signal }: CasePoolOptions,
): AsyncGenerator<CaseOutcome> {
  const threads = existsSync(WORKER) ? Math.min(workers, cases.length) : 0;
  if (threads < 2) {
    for (const one of cases) {
      signal?.throwIfAborted();
      yield await settle(one, prepareCase(one, rules, options, signal));
      signal?.throwIfAborted();
    }
    return;
  }
  const { maskValues, snapMasks } = rules;
  const pool = new Set<CaseThread>();
  const open = (): CaseThread => {
    const thread = new CaseThread({ rules: { maskValues, snapMasks }, options });
    pool.add(thread);
    return thread;
  };
  const idle = Array.from({ length: threads }, open);
  const running: Promise<CaseOutcome>[] = [];
  let next = 0;
  let going = true;
  // As many finished cases may wait for an earlier one as there are threads: memory stays bounded.
  const start = (): void => {
    while (going && idle.length > 0 && next < cases.length && running.length < 2 * threads) {
      let thread = idle.pop()!;
      if (thread.dead) {
        pool.delete(thread);
        thread = open();
      }
      const one = cases[next++]!;
      running.push(
        settle(one, thread.prepare(one)).finally(() => {
          idle.push(thread);
          start();
        }),
      );
    }
  };
  try {
    start();
    for (let first = running[0]; first !== undefined; first = running[0]) {
      const outcome = await orAborted(first, signal);
      running.shift();
      start();
      yield outcome;
      signal?.throwIfAborted();
    }
  } finally {
    going = false;
    await Promise.all([...pool].map((thread) => thread.end()));
  }
}

async function settle(one: DatasetCase, work: Promise<PreparedCase>): Promise<CaseOutcome> {
  try {
    return { one, prepared: await work };
  } catch (error) {
    return { one, error };
  }
}

/**
 * Not Promise.race with one promise for the whole import: that would keep every outcome in memory, pixels and all.
 */
function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(signal?.reason);
    if (signal?.aborted === true) stop();
    signal?.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal?.removeEventListener('abort', stop));
  });
}

/** A worker with one case at a time. */
class CaseThread {
  private readonly worker: Worker;
  private pending: { resolve: (value: PreparedCase) => void; reject: (reason: unknown) => void } | null =
    null;
  /** It ended by itself, and answers no more. */
  dead = false;

  constructor(data: CaseWorkerData) {
    this.worker = new Worker(WORKER, { workerData: data, execArgv: [] });
    this.worker.on('message', (answer: CaseAnswer) => {
      if ('prepared' in answer) this.pending?.resolve(answer.prepared);
      else this.pending?.reject(asError(answer.failure));
      this.pending = null;
    });
    const lost = (cause?: unknown): void => {
      this.dead = true;
      this.pending?.reject(
        new GmisegError('ERR_OUT_OF_MEMORY', 'A reading thread ended unexpectedly; try --workers 0.', {
          cause,
        }),
      );
      this.pending = null;
    };
    this.worker.on('error', lost);
    this.worker.on('exit', () => lost());
  }

  prepare(one: DatasetCase): Promise<PreparedCase> {
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
      this.worker.postMessage(one);
    });
  }

  async end(): Promise<void> {
    this.pending = null;
    await this.worker.terminate();
  }
}

function asError({ code, message, details }: Extract<CaseAnswer, { failure: unknown }>['failure']): Error {
  if (code === null) return new Error(message);
  return new GmisegError(code as ErrorCode, message, { details: details as Record<string, unknown> });
}
