import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { run, tail } from '../lib/exec.mjs';

/**
 * Pythons to ask, best first: `GMISEG_PYTHON` alone where it is set, else every python3 and python on the PATH.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
export function findPythons(env) {
  if (env.GMISEG_PYTHON) return [env.GMISEG_PYTHON];
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const name of ['python3', 'python']) {
    for (const folder of (env.PATH ?? '').split(delimiter)) {
      const program = join(folder, name);
      if (!folder || !isExecutable(program)) continue;
      // A virtual environment's python is a link to the system's, but means another set of packages:
      // only the folder may be resolved.
      const key = join(realpathSync(dirname(program)), 'python');
      if (!found.has(key)) found.set(key, program);
    }
  }
  return [...found.values()];
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Where `import torch` would find it. Nothing is imported: that would take seconds and may fail for other reasons.
 *
 * @param {string} python
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ path?: string, reason?: string }>}
 */
export async function findPythonTorch(python, env) {
  const code =
    'import importlib.util as u; s = u.find_spec("torch"); print(s.origin if s and s.origin else "")';
  // From / so that a folder called "torch" in the working directory is not taken for the package.
  const result = await run(python, ['-c', code], { cwd: '/', env, timeoutMs: 30_000 });
  if (result.status !== 0) return { reason: tail(result.stderr, 1) || `exit status ${result.status}` };
  const origin = result.stdout.trim();
  if (!origin || !existsSync(origin)) return { reason: 'has no torch' };
  return { path: dirname(origin) };
}
