import { Worker } from 'node:worker_threads';

/** Plain JavaScript, so that it runs the same from sources and from the build. */
const SCRIPT = `
const { parentPort } = require('node:worker_threads');
const arrays = (value) => Object.values(value ?? {}).flatMap((part) =>
  ArrayBuffer.isView(part?.data) && part.data.buffer instanceof ArrayBuffer ? [part.data.buffer] : []);
// Output is kept for errors, not printed; streams that the parent reads would keep its process alive.
let printed = '';
for (const stream of [process.stdout, process.stderr])
  stream.write = (chunk) => { printed = (printed + chunk).slice(-4096); return true; };
parentPort.on('message', async ({ url, name, args }) => {
  printed = '';
  try {
    const library = await import(url);
    const result = await library[name](...args);
    const buffers = arrays(result);
    const bytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
    parentPort.postMessage({ result, bytes }, buffers);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    parentPort.postMessage({ error: (message + '\\n' + printed).trim() });
  }
});
`;

/** Milliseconds that an idle thread waits for another call. */
const LINGER = 1000;
/** A thread that has handled this many bytes is ended: what its calls took is given back for sure. */
const MOST_BYTES = 2 ** 28;

/** What a library call in a thread failed with: its message and what it printed. */
export class WasmJobError extends Error {
  override readonly name = 'WasmJobError';
}

type Answer = { readonly result: unknown; readonly bytes: number } | { readonly error: string };

/**
 * A thread for ITK's readers and writers, one call at a time: they compute for seconds without a pause, print to
 * standard output, and take memory that only ever grows while they live.
 */
export class WasmThread {
  private readonly worker = new Worker(SCRIPT, {
    eval: true,
    // Loaders of the parent (test runners) have nothing to do here.
    execArgv: [],
    stdout: true,
    stderr: true,
  });
  private bytes = 0;
  private ended = false;
  private timer: NodeJS.Timeout | null = null;
  private answer: (answer: Answer) => void = () => {};

  constructor() {
    this.worker.on('message', (answer: Answer) => this.answer(answer));
    this.worker.on('error', (error) => this.answer({ error: error.message }));
    this.worker.on('exit', () => {
      this.ended = true;
      this.answer({ error: 'the thread ended' });
    });
  }

  /** Whether it takes another call. */
  get usable(): boolean {
    return !this.ended && this.bytes < MOST_BYTES;
  }

  /** Calls `name` of the module at `url`. A failed or aborted call ends the thread. */
  async run<Result>(
    call: { readonly url: string; readonly name: string; readonly args: readonly unknown[] },
    signal?: AbortSignal,
  ): Promise<Result> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.worker.ref();
    let stop: (() => void) | undefined;
    try {
      return await new Promise<Result>((resolve, reject) => {
        stop = () => reject(signal?.reason);
        signal?.addEventListener('abort', stop, { once: true });
        this.answer = (answer) => {
          if ('error' in answer) reject(new WasmJobError(answer.error));
          else {
            this.bytes += answer.bytes;
            resolve(answer.result as Result);
          }
        };
        this.worker.postMessage(call);
      });
    } catch (error) {
      this.end();
      throw error;
    } finally {
      this.answer = () => {};
      if (stop !== undefined) signal?.removeEventListener('abort', stop);
    }
  }

  /** Waits for another call for a while, without keeping the process alive. */
  linger(): void {
    this.worker.unref();
    this.timer = setTimeout(() => this.end(), LINGER);
    this.timer.unref();
  }

  end(): void {
    this.ended = true;
    if (this.timer !== null) clearTimeout(this.timer);
    void this.worker.terminate();
  }
}
