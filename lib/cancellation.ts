/** One operation's way to be stopped: by the caller's AbortSignal or by the owner's close(). */
export class Cancellation {
  readonly #signal: AbortSignal | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #onAbort = (): void => this.cancel(this.#signal?.reason);
  #cancelled = false;
  #reason: unknown;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    if (signal?.aborted) this.cancel(signal.reason);
    else signal?.addEventListener('abort', this.#onAbort);
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** What the operation rejects with once it is cancelled. */
  get reason(): unknown {
    return this.#reason;
  }

  /** The first reason counts. */
  cancel(reason: unknown): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#reason = reason;
    for (const listener of [...this.#listeners]) listener();
  }

  throwIfCancelled(): void {
    if (this.#cancelled) throw this.#reason;
  }

  /** Calls `listener` at the cancellation; the function that comes back takes it off again. */
  onCancel(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** For what takes a signal: it is aborted with the reason. */
  get signal(): AbortSignal {
    const controller = new AbortController();
    if (this.#cancelled) controller.abort(this.#reason);
    else this.onCancel(() => controller.abort(this.#reason));
    return controller.signal;
  }

  /** `promise`, or the reason if that comes first. */
  async race<T>(promise: Promise<T>): Promise<T> {
    this.throwIfCancelled();
    let off = (): void => {};
    const cancelled = new Promise<never>((_, reject) => {
      off = this.onCancel(() => reject(this.#reason));
    });
    try {
      return await Promise.race([promise, cancelled]);
    } finally {
      off();
    }
  }

  /** Lets go of the signal, which may live much longer than the operation. */
  dispose(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#listeners.clear();
  }
}
