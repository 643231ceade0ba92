import type { Settings, Values } from '../protocol.js';

/** A piece of work that can be repeated. */
export interface Workload {
  /** Facts about what was loaded: versions, sizes. */
  readonly facts: Values;
  /** Does the work once and times it. */
  repeat(): Promise<Repetition>;
}

export interface Repetition {
  /** `seconds` of the work itself, and what else the workload measures. */
  readonly values: Values;
  /** What came out, to be compared with that of others. */
  readonly output?: () => Float32Array | Promise<Float32Array>;
}

/** Loads what the work needs. */
export type OpenWorkload = (settings: Settings) => Promise<Workload>;

/** Seconds that `work` takes, and what it gives. */
export async function timed<T>(work: () => Promise<T> | T): Promise<{ seconds: number; value: T }> {
  const start = performance.now();
  const value = await work();
  return { seconds: (performance.now() - start) / 1000, value };
}
