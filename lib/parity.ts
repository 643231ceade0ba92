import { Cancellation } from './cancellation.js';
import { callSite } from './errors.js';
import { native } from './native.js';
import { runJob } from './run-job.js';

/** One reference value beside what this machine computes. */
export interface ParityRow {
  readonly name: string;
  /** What `maxDiff` means: see native/core/parity/parity.h. */
  readonly kind: 'values' | 'masks' | 'gradient' | 'grey levels';
  readonly maxDiff: number;
  readonly scale: number;
  readonly tolerance: number;
  readonly pass: boolean;
}

/** Suites on small fixtures: seconds. */
export const QUICK_SUITES = [
  'sam-tiny',
  'lora',
  'pooled',
  'attention',
  'flatten',
  'losses',
  'resize',
  'universeg',
  'neuralizer',
] as const;
/** Full-size models with weights from a recipe: minutes and up to 4 GiB. */
export const SLOW_SUITES = ['sam-vit_b', 'sam-vit_l'] as const;

/**
 * Holds the engine against a suite of reference values.
 * @param folder the fixtures, laid out as test/fixtures
 * @param device as of {@link LoadOptions}
 * @throws GmisegError ERR_INVALID_ARG for an unknown suite, ERR_CHECKPOINT_* for missing fixtures,
 * ERR_DEVICE_UNAVAILABLE
 */
export async function runParity(folder: string, suite: string, device = 'cpu'): Promise<ParityRow[]> {
  const site = callSite(runParity);
  const cancellation = new Cancellation(undefined);
  return JSON.parse(
    await runJob(() => native().parity(folder, suite, device), cancellation, site),
  ) as ParityRow[];
}
