import { resolveOptional } from './optional-module.js';
import { WasmThread } from './wasm-thread.js';

export { WasmJobError } from './wasm-thread.js';

/** The thread that waits for another call, if any. */
let idle: WasmThread | null = null;

/**
 * Calls an exported function of an optional package in a thread of its own, see WasmThread. Calls that follow
 * each other share one, as starting it takes longer than reading a small file.
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
  const thread = idle?.usable === true ? idle : new WasmThread();
  idle = null;
  const result = await thread.run<Result>({ url, name: call.name, args: call.args }, signal);
  if (thread.usable && idle === null) {
    idle = thread;
    thread.linger();
  } else thread.end();
  return result;
}
