import type { Cancellation } from './cancellation.js';

/** Runs tasks one at a time in the order of the calls. */
export class JobQueue {
  #tail: Promise<unknown> = Promise.resolve();

  /** A task that is cancelled while it waits rejects at once and never starts. */
  run<T>(task: () => Promise<T>, cancellation: Cancellation): Promise<T> {
    const turn = this.#tail;
    const result = cancellation.race(turn).then(task);
    const ended = (): void => {};
    // Whoever comes next waits for the turn itself too: an early rejection must not let it overtake.
    this.#tail = turn.then(() => result).then(ended, ended);
    return result;
  }
}
