import type { NativeJob } from '../types/native.js';
import type { Cancellation } from './cancellation.js';
import { type CallSite, fromNative } from './errors.js';

/**
 * Starts a native job and waits for its end. A cancellation stops it and rejects with the reason once the lane
 * has let go of it; a value that comes nonetheless goes to `discard`.
 */
export async function runJob<T>(
  start: () => NativeJob<T>,
  cancellation: Cancellation,
  site: CallSite,
  discard?: (value: T) => void,
): Promise<T> {
  cancellation.throwIfCancelled();
  const job = start();
  const off = cancellation.onCancel(() => job.abort());
  try {
    const value = await job.promise;
    if (cancellation.cancelled) discard?.(value);
    else return value;
  } catch (error) {
    if (!cancellation.cancelled) throw fromNative(error, site);
  } finally {
    off();
  }
  throw cancellation.reason;
}
