import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GmisegError } from '../errors.js';
import type { LoadOptions } from '../load-options.js';

/** Who is told how far the run is. */
export interface Progress {
  /** So many parts follow; a count that runs is replaced. */
  start(label: string, total: number): void;
  update(done: number, text?: string): void;
  /** As update, of a count that starts with the first news of it. */
  advance(label: string, total: number, done: number, text?: string): void;
  /** Something to know while it runs. */
  note(text: string): void;
  stop(): void;
}

export interface RunContextOptions {
  /** The experiment's folder. */
  readonly out: string;
  /** What relative paths of the config start from. */
  readonly data: string | undefined;
  readonly device: LoadOptions['device'];
  readonly threads: number | undefined;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly commandLine: string;
}

/** Milliseconds between looks at what another process does. */
const PAUSE = 500;

/** Where and how an experiment runs; nothing of it decides a result. */
export class RunContext {
  readonly out: string;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly commandLine: string;
  readonly #options: RunContextOptions;

  constructor(options: RunContextOptions) {
    this.#options = options;
    this.out = options.out;
    this.signal = options.signal;
    this.progress = options.progress;
    this.commandLine = options.commandLine;
  }

  /** What every model is loaded with. */
  get runtime(): Pick<LoadOptions, 'device' | 'threads' | 'signal'> {
    const { device, threads, signal } = this.#options;
    return {
      ...(device === undefined ? {} : { device }),
      ...(threads === undefined ? {} : { threads }),
      signal,
    };
  }

  /** @throws GmisegError ERR_INVALID_ARG where a path is relative and no data folder is known */
  inData(name: string, what: string): string {
    const { data } = this.#options;
    if (path.isAbsolute(name)) return name;
    if (data !== undefined) return path.join(data, name);
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `The config looks for ${what} at ${name} below the data folder; name that folder with --data.`,
    );
  }

  /** Stands for work that one of several processes does. */
  claim(work: string): string {
    return path.join(this.out, 'claims', work);
  }

  /** Repeats `attempt` until it says true, which another process may have to bring about. */
  async until(what: string, attempt: () => Promise<boolean>): Promise<void> {
    for (let waited = false; !(await attempt()); waited = true) {
      if (!waited) this.progress.note(`waiting for another process, which makes ${what}`);
      await this.pause();
    }
  }

  async pause(): Promise<void> {
    this.signal.throwIfAborted();
    await sleep(PAUSE, undefined, { signal: this.signal }).catch(() => this.signal.throwIfAborted());
  }
}
