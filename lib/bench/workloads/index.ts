import type { OpenWorkload } from './workload.js';

/** gmiseg's workloads by name; each loads no more than it needs, so that its memory is its own. */
export const WORKLOADS: Readonly<Record<string, () => Promise<OpenWorkload>>> = {
  encode: async () => (await import('./encode.js')).openEncode,
  decode: async () => (await import('./decode.js')).openDecode,
  support: async () => (await import('./support.js')).openSupport,
  train: async () => (await import('./train.js')).openTrain,
  universeg: async () => (await import('./universeg.js')).openUniverseg,
  import: async () => (await import('./import.js')).openImport,
  evaluate: async () => (await import('./metrics.js')).openEvaluate,
  distances: async () => (await import('./metrics.js')).openDistances,
  'event-loop': async () => (await import('./event-loop.js')).openEventLoop,
  weights: async () => (await import('./weights.js')).openWeights,
};
