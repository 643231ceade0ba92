import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ContenderSpec } from './contender.js';

/** gmiseg itself, in a process that runs contender-main. */
export function ownContender(
  spec: Pick<ContenderSpec, 'name' | 'workload' | 'settings' | 'dtype'>,
): ContenderSpec {
  // The same file with the ending that this one has: .js when built, .ts under a loader.
  const here = fileURLToPath(import.meta.url);
  const script = path.join(path.dirname(here), `contender-main${path.extname(here)}`);
  return { ...spec, command: process.execPath, args: [...process.execArgv, script] };
}
