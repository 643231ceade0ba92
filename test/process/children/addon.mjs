// Imports gmiseg, or with `loader` only what loads its addon; then loads that, and says what happened.
import { readFileSync } from 'node:fs';
import { say } from './say.mjs';

const file = process.argv[2] === 'loader' ? 'native.js' : 'index.js';
const gmiseg = await import(new URL(`../../../dist/${file}`, import.meta.url).href);
const mapped = () => readFileSync('/proc/self/maps', 'utf8').includes('libtorch_cpu');

const mappedBefore = mapped();
try {
  const info = file === 'native.js' ? JSON.parse(gmiseg.native().runtimeInfo()) : gmiseg.runtimeInfo();
  say(JSON.stringify({ mappedBefore, mappedAfter: mapped(), policy: process.env.OMP_WAIT_POLICY, info }));
} catch (error) {
  const { code, message, cause } = /** @type {any} */ (error);
  say(JSON.stringify({ error: { code, message, cause: String(cause) } }));
}
