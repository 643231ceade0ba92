// Imports gmiseg, then loads the addon; says what happened.
import { readFileSync } from 'node:fs';
import { gmiseg, say } from './common.mjs';

const mapped = () => readFileSync('/proc/self/maps', 'utf8').includes('libtorch_cpu');

const mappedBefore = mapped();
try {
  const info = gmiseg.runtimeInfo();
  say(JSON.stringify({ mappedBefore, mappedAfter: mapped(), policy: process.env.OMP_WAIT_POLICY, info }));
} catch (error) {
  const { code, message, cause } = /** @type {any} */ (error);
  say(JSON.stringify({ error: { code, message, cause: String(cause) } }));
}
