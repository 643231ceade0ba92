// node scripts/bench/setup.mjs: the peers of `node scripts/bench/run.mjs`, with pinned versions, in the project's
// cache folder: a Python environment (PyTorch, transformers, ...) and a folder of npm's (onnxruntime-node).
// GMISEG_PYTHON names the Python, GMISEG_TORCH_INDEX a mirror of PyTorch's index of CPU wheels.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, runInherited, tail } from '../lib/exec.mjs';
import { ROOT, say } from '../lib/project.mjs';
import { freeBytes, putInPlace, withLock, withScratch } from '../libtorch/cache.mjs';
import { cpuWheelIndex } from '../libtorch/pip.mjs';
import { findPythons } from '../libtorch/python.mjs';
import { NPM_PEERS, peerFolder, pythonPeers, REQUIREMENTS } from './cache.mjs';

/** Bytes on disk, download and unpacked packages together, rounded up. */
const NEEDED = 3e9;

/**
 * The first Python that can make an environment.
 *
 * @param {string} folder of the environment
 */
async function makeEnvironment(folder) {
  const reasons = [];
  for (const python of findPythons(process.env)) {
    const result = await run(python, ['-m', 'venv', folder], { cwd: '/' });
    if (result.status === 0) return;
    reasons.push(`${python}: ${tail(result.stderr || result.stdout, 1)}`);
  }
  throw new Error(
    `no Python with venv (install python3-venv, or name another with GMISEG_PYTHON): ${reasons.join('; ') || 'none on the PATH'}`,
  );
}

/** @param {string} python */
async function installPython(python) {
  const index = cpuWheelIndex(process.env);
  const args = ['-m', 'pip', 'install', '--progress-bar', 'off', '--no-input', '--disable-pip-version-check'];
  if (index) args.push('--extra-index-url', index);
  args.push('--quiet', '--requirement', join(ROOT, REQUIREMENTS));
  if ((await runInherited(python, args, { cwd: '/' })) !== 0)
    throw new Error('pip could not install the Python peers (see above)');
}

/** @param {string} folder */
async function installNode(folder) {
  mkdirSync(folder);
  const manifest = { name: 'gmiseg-bench-peers', private: true, dependencies: NPM_PEERS };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  // The CPU library is in the package; its install script would fetch the CUDA one.
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=dev'];
  if ((await runInherited('npm', args, { cwd: folder })) !== 0)
    throw new Error('npm could not install the peers (see above)');
}

async function setUp() {
  const { folder, python } = peerFolder(process.env);
  await withLock(folder, say, async () => {
    if (existsSync(python)) return say(`the peers are in ${folder}`);
    const npm = Object.entries(NPM_PEERS).map(([name, version]) => `${name}@${version}`);
    say(`downloading about 0.6 GB, 3 GB unpacked, to ${folder}`);
    say(`by pip: ${pythonPeers().join(', ')}; by npm: ${npm.join(', ')}`);
    await withScratch(folder, async (scratch) => {
      if (freeBytes(scratch) < NEEDED)
        throw new Error(`less than ${NEEDED / 1e9} GB are free there; set GMISEG_CACHE to a larger disk`);
      await makeEnvironment(join(scratch, 'python'));
      await installPython(join(scratch, 'python', 'bin', 'python'));
      await installNode(join(scratch, 'node'));
      // Only its interpreter is used, which finds its packages wherever the folder lies.
      putInPlace(scratch, folder);
    });
    say(`the peers are in ${folder}`);
  });
}

try {
  await setUp();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
