import { Worker } from 'node:worker_threads';
import { resolveOptional } from './optional-module.js';

/*
 * ITK's readers and writers run in a thread of their own: they compute for seconds without a pause, print to
 * standard output, and their memory, which only ever grows, is given back when the thread ends.
 */

/** Plain JavaScript, so that it runs the same from sources and from the build. */
const SCRIPT = `
const { parentPort, workerData } = require('node:worker_threads');
const { url, name, args } = workerData;
const arrays = (value) => Object.values(value ?? {}).flatMap((part) =>
  ArrayBuffer.isView(part?.data) && part.data.buffer instanceof ArrayBuffer ? [part.data.buffer] : []);
import(url)
  .then((library) => library[name](...args))
  .then((result) => parentPort.postMessage({ result }, arrays(result)))
  .catch((error) => parentPort.postMessage({ error: error instanceof Error ? error.message : String(error) }));
`;

/** What a library call in a thread failed with: its message and what it printed. */
export class WasmJobError extends Error {
  override readonly name = 'WasmJobError';
}

/**
 * Calls an exported function of an optional package in a thread of its own.
 * @param purpose what needs the package, for the message where it is missing
 * @throws GmisegError ERR_IMAGE_FORMAT where the package is missing; WasmJobError. An abort ends the thread and
 *   rejects with the signal's reason.
 */
export async function wasmJob<Result>(
  call: { readonly package: string; readonly name: string; readonly args: readonly unknown[] },
  purpose: string,
  signal?: AbortSignal,
): Promise<Result> {
  signal?.throwIfAborted();
  const url = resolveOptional(call.package, purpose);
  const worker = new Worker(SCRIPT, {
    eval: true,
    workerData: { url, name: call.name, args: call.args },
    // Loaders of the parent (test runners) have nothing to do here.
    execArgv: [],
    stdout: true,
    stderr: true,
  });
  let printed = '';
  for (const stream of [worker.stdout, worker.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed = (printed + chunk.toString()).slice(-4096);
    });
  }
  try {
    return await new Promise<Result>((resolve, reject) => {
      const fail = (message: string): void =>
        reject(new WasmJobError(`${message}${printed === '' ? '' : `\n${printed.trim()}`}`));
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      worker.on('message', (answer: { result: Result } | { error: string }) => {
        if ('error' in answer) fail(answer.error);
        else resolve(answer.result);
      });
      worker.on('error', (error) => fail(error.message));
      worker.on('exit', () => fail('the thread ended'));
    });
  } finally {
    await worker.terminate();
  }
}
