import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf, ROOT } from '../lib/project.mjs';
import { cacheRoot } from '../libtorch/cache.mjs';

/** The peers' packages that npm installs, with their exact versions. */
export const NPM_PEERS = { 'onnxruntime-node': '1.30.0' };

/** What pip installs, with exact versions. */
export const REQUIREMENTS = 'scripts/bench/requirements.txt';

/** @returns {string[]} "torch==2.13.0" */
export function pythonPeers() {
  return readFileSync(join(ROOT, REQUIREMENTS), 'utf8').trim().split('\n');
}

/**
 * Where the peers lie: another folder for other versions. GMISEG_BENCH_PYTHON names another Python that has them, such
 * as one with a CUDA build of PyTorch.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export function peerFolder(env) {
  const key = hashOf([REQUIREMENTS], [JSON.stringify(NPM_PEERS)]).slice(0, 12);
  const folder = join(cacheRoot(env), `bench-peers-${key}`);
  const python = env.GMISEG_BENCH_PYTHON || join(folder, 'python', 'bin', 'python');
  return { folder, python, node: join(folder, 'node') };
}

/**
 * Where random weights and what is exported from them lie between runs.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export function weightsFolder(env) {
  return join(cacheRoot(env), 'bench-weights');
}
