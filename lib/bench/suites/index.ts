import { decode } from './decode.js';
import { encode } from './encode.js';
import { eventLoop } from './event-loop.js';
import { importing } from './import.js';
import { load } from './load.js';
import { metrics } from './metrics.js';
import type { Suite } from './suite.js';
import { support } from './support.js';
import { train } from './train.js';
import { universeg } from './universeg.js';

/** In the order in which they run. */
export const SUITES: readonly Suite[] = [
  encode,
  decode,
  support,
  train,
  universeg,
  importing,
  metrics,
  load,
  eventLoop,
];
