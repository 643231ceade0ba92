import { type NativeLoadOptions, type NativeSession, native } from '../../lib/native.js';

/** A session of the addon itself, on one thread of the CPU. */
export function nativeSession(options: Partial<NativeLoadOptions>): Promise<NativeSession> {
  return native().load({
    checkpoint: '',
    config: '',
    adapter: '',
    device: 'cpu',
    dtype: 'float32',
    threads: 1,
    seed: 0,
    ...options,
  }).promise;
}
