import { parentPort, workerData } from 'node:worker_threads';
import { GmisegError } from '../errors.js';
import type { DatasetCase } from './case.js';
import type { LabelRules } from './label-values.js';
import { type PreparedCase, type PrepareOptions, prepareCase } from './prepare-case.js';

/** What a worker is started with. */
export interface CaseWorkerData {
  readonly rules: LabelRules;
  readonly options: PrepareOptions;
}

/** What it answers to each case. */
export type CaseAnswer =
  | { readonly prepared: PreparedCase }
  | {
      readonly failure: { readonly code: string | null; readonly message: string; readonly details: object };
    };

const port = parentPort;
if (port === null) throw new GmisegError('ERR_INTERNAL', 'case-worker runs in a worker thread.');
const { rules, options } = workerData as CaseWorkerData;

port.on('message', async (one: DatasetCase) => {
  try {
    const prepared = await prepareCase(one, rules, options);
    port.postMessage({ prepared } satisfies CaseAnswer, buffersOf(prepared));
  } catch (error) {
    const known = error instanceof GmisegError;
    port.postMessage({
      failure: {
        code: known ? error.code : null,
        message: error instanceof Error ? error.message : String(error),
        details: known ? { ...error.details } : {},
      },
    } satisfies CaseAnswer);
  }
});

/** The pixels change hands instead of being copied; a mask may be shared by the slices of several channels. */
function buffersOf({ slices, preview }: PreparedCase): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const slice of preview === null ? slices : [...slices, preview]) {
    buffers.add(slice.image.buffer as ArrayBuffer);
    buffers.add(slice.mask.buffer as ArrayBuffer);
  }
  return [...buffers];
}
