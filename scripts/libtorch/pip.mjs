import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run, tail } from '../lib/exec.mjs';
import { CPU_WHEEL_INDEX, WHEEL_PYTHONS } from './config.mjs';
import { findPythons } from './python.mjs';
import { checkRecord, parseRecord, sha256Of, unzip } from './unpack.mjs';

/**
 * @typedef {object} FetchOptions
 * @property {string} version
 * @property {import('./config.mjs').Flavour} flavour
 * @property {NodeJS.ProcessEnv} env
 * @property {string} scratch an empty folder
 * @property {(message: string) => void} log
 */

/** Libraries of the wheel that only Python or PyTorch's own tests use. */
const NEEDLESS_LIBS =
  /^lib(torch_python|shm|jitbackend_test|torchbind_test|backend_with_compiler|aoti_custom_ops)\b/;

/**
 * What of a wheel's files (or of an archive's, under its own top folder) building and running need.
 *
 * @param {string} name "torch/lib/libc10.so"
 * @param {import('./config.mjs').Flavour} flavour
 */
export function keepFile(name, flavour) {
  if (name.startsWith('torch/include/') || name === 'torch/version.py') return true;
  const library = name.match(/^torch\/lib\/([^/]+)$/)?.[1];
  if (library) return !NEEDLESS_LIBS.test(library);
  // torch.libs: what some platforms' wheels link besides. The dist-info has RECORD and the licences.
  if (/^torch(-[^/]+\.dist-info|\.libs)\//.test(name)) return true;
  return flavour === 'cuda' && /^nvidia(_[^/]+\.dist-info)?\//.test(name);
}

/**
 * The wheel, by pip, from wherever pip is configured to look; every file is checked against the wheel's RECORD
 * (pip checks the wheel itself against the index).
 *
 * @param {FetchOptions} options
 * @returns {Promise<string>} a folder that holds torch/ (and nvidia/ beside it for CUDA)
 * @throws {Error} the reason
 */
export async function fromPip(options) {
  const pip = await findPip(options.env);
  return options.flavour === 'cpu' ? downloadWheel(pip, options) : installWheels(pip, options);
}

/** @param {NodeJS.ProcessEnv} env */
async function findPip(env) {
  const pythons = findPythons(env);
  if (pythons.length === 0) throw new Error('no python3 on the PATH');
  for (const python of pythons) {
    // `pip --version` would take a second.
    const code = 'import importlib.util as u, sys; sys.exit(u.find_spec("pip") is None)';
    const { status } = await run(python, ['-c', code], { cwd: '/', env, timeoutMs: 30_000 });
    if (status === 0) return python;
  }
  throw new Error(
    `${pythons.join(', ')} ${pythons.length > 1 ? 'have' : 'has'} no pip (install python3-pip)`,
  );
}

/** Three tries and half a minute each: else an unreachable index costs minutes. */
const PATIENCE = ['--retries', '2', '--timeout', '30', '--no-input', '--disable-pip-version-check'];

/**
 * @param {string} python
 * @param {FetchOptions} options
 */
async function downloadWheel(python, { version, flavour, env, scratch, log }) {
  const wheels = join(scratch, 'wheel');
  const index = cpuWheelIndex(env);
  const args = [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--progress-bar',
    'off',
    ...PATIENCE,
  ];
  // Of one version, pip prefers the local one ("2.13.0+cpu") wherever it finds it.
  args.push('--dest', wheels, ...(index ? ['--extra-index-url', index] : []), `torch==${version}`);
  let result = await run(python, args, { cwd: '/', env, onLine: log });
  if (result.status !== 0 && /No matching distribution|Could not find a version/.test(result.stderr)) {
    // This Python may be too old or too new for the release; any wheel's C++ libraries will do.
    const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
    for (const other of WHEEL_PYTHONS) {
      log(`pip: nothing for this Python; asking for the wheel of Python ${other}`);
      const tags = [
        '--python-version',
        other,
        '--implementation',
        'cp',
        '--abi',
        `cp${other.replace('.', '')}`,
      ];
      const retry = [...args, ...tags, '--platform', `manylinux_2_28_${machine}`];
      const again = await run(python, retry, { cwd: '/', env });
      if (again.status === 0) {
        result = again;
        break;
      }
    }
  }
  if (result.status !== 0) throw new Error(`pip download failed: ${tail(result.stderr || result.stdout, 2)}`);
  const wheel = readdirSync(wheels).find((name) => name.endsWith('.whl'));
  if (!wheel) throw new Error('pip download left no wheel');

  const site = join(scratch, 'site');
  const files = await unzip(join(wheels, wheel), site, (name) => keepFile(name, flavour));
  const record = [...files.keys()].find((name) => /^torch-[^/]+\.dist-info\/RECORD$/.test(name));
  if (!record) throw new Error(`${wheel} holds no RECORD`);
  checkRecord(files, parseRecord(readFileSync(join(site, record), 'utf8')));
  if (files.has('torch/lib/libtorch_cuda.so')) {
    throw new Error(`pip found only a CUDA build, ${wheel}${index ? ` (is ${index} reachable?)` : ''}`);
  }
  rmSync(wheels, { recursive: true });
  return site;
}

/** `GMISEG_TORCH_INDEX` names a mirror; empty means that pip's own configuration suffices. */
export function cpuWheelIndex(/** @type {NodeJS.ProcessEnv} */ env) {
  return env.GMISEG_TORCH_INDEX ?? CPU_WHEEL_INDEX;
}

/**
 * @param {string} python
 * @param {FetchOptions} options
 */
async function installWheels(python, { version, flavour, env, scratch, log }) {
  const all = join(scratch, 'all');
  // "===": the build without a local version is the general index's, which is the CUDA one.
  const args = [
    '-m',
    'pip',
    'install',
    '--target',
    all,
    '--only-binary=:all:',
    '--progress-bar',
    'off',
    '--no-compile',
  ];
  const result = await run(python, [...args, ...PATIENCE, `torch===${version}`], {
    cwd: '/',
    env,
    onLine: log,
  });
  if (result.status !== 0) throw new Error(`pip install failed: ${tail(result.stderr || result.stdout, 2)}`);

  const site = join(scratch, 'site');
  /** @type {Map<string, string>} */
  const files = new Map();
  /** @type {Map<string, string>} */
  const record = new Map();
  for (const name of listFiles(all)) {
    if (!keepFile(name, flavour)) continue;
    mkdirSync(dirname(join(site, name)), { recursive: true });
    renameSync(join(all, name), join(site, name));
    if (name.endsWith('.dist-info/RECORD')) {
      for (const [file, sha256] of parseRecord(readFileSync(join(site, name), 'utf8')))
        record.set(file, sha256);
    } else if (!/\.dist-info\/(INSTALLER|REQUESTED|direct_url\.json)$/.test(name)) {
      files.set(name, await sha256Of(join(site, name), 'base64url'));
    }
  }
  checkRecord(files, record);
  if (!existsSync(join(site, 'torch/lib/libtorch_cuda.so'))) throw new Error('pip found only a CPU build');
  rmSync(all, { recursive: true });
  return site;
}

/**
 * @param {string} folder
 * @param {string} [below]
 * @returns {string[]} relative paths of all files
 */
function listFiles(folder, below = '') {
  return readdirSync(join(folder, below)).flatMap((name) => {
    const path = below ? `${below}/${name}` : name;
    return statSync(join(folder, path)).isDirectory() ? listFiles(folder, path) : [path];
  });
}
