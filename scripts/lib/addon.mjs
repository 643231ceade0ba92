import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { minorOf, PINNED_VERSION } from '../libtorch/config.mjs';
import { inspectLibTorch } from '../libtorch/inspect.mjs';
import { run, runInherited, tail } from './exec.mjs';
import { filesBelow, hashOf, ROOT, resolveDependency, say } from './project.mjs';

// What is imported above works without node_modules; the resolver is imported where it is needed.

/**
 * @typedef {'cmake' | 'gyp'} Tool
 */

const FOLDERS = { cmake: 'build-cmake', gyp: 'build' };

/** @param {Tool} tool */
function addonPath(tool) {
  return join(ROOT, FOLDERS[tool], 'Release', 'gmiseg.node');
}

/**
 * Why the addon must be built (again).
 *
 * @param {Tool} tool
 * @returns {string | undefined} nothing where it is up to date
 */
export function staleAddon(tool) {
  const folder = join(ROOT, FOLDERS[tool]);
  if (!existsSync(addonPath(tool))) return 'it is missing';
  const choice = readJson(join(folder, 'libtorch.json'));
  const stamp = readJson(join(folder, 'stamp.json'));
  if (!choice || !stamp) return 'nothing tells what it was built from';
  const { LIBTORCH, GMISEG_LIBTORCH, GMISEG_TORCH_VERSION } = process.env;
  if (!existsSync(join(choice.path, 'lib', 'libtorch_cpu.so')))
    return `its LibTorch, ${choice.path}, is gone`;
  if (!sameVersion(choice)) return `its LibTorch, ${choice.path}, was replaced`;
  if (LIBTORCH && resolve(LIBTORCH) !== choice.path) return 'LIBTORCH names another folder';
  if (GMISEG_LIBTORCH && GMISEG_LIBTORCH !== choice.flavour)
    return 'GMISEG_LIBTORCH asks for another flavour';
  if (minorOf(choice.version) !== minorOf(GMISEG_TORCH_VERSION || PINNED_VERSION)) {
    return `it was built with LibTorch ${choice.version}`;
  }
  return stamp.key === sourceKey(tool) ? undefined : 'its sources or the compiler changed';
}

/** @param {import('../libtorch/config.mjs').LibTorch} choice */
function sameVersion({ path, version }) {
  try {
    return inspectLibTorch(path).version === version;
  } catch {
    return false;
  }
}

/** @param {string} file */
function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** @param {Tool} tool */
function sourceKey(tool) {
  const files = [
    ...filesBelow('native', /\.(cc|h|json)$/),
    tool === 'cmake' ? 'CMakeLists.txt' : 'binding.gyp',
    'package.json',
  ];
  return hashOf(files, [compilerVersion(), process.arch]);
}

function compilerVersion() {
  const program = (process.env.CXX || 'c++').split(' ').at(-1) ?? 'c++';
  try {
    return (
      execFileSync(program, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split(
        '\n',
      )[0] ?? ''
    );
  } catch {
    return '';
  }
}

/**
 * Builds the addon. Two processes take turns; the second one finds the work done.
 *
 * @param {Tool} tool
 * @param {{ force?: boolean, allowArchive?: boolean }} [options] force: also where it is up to date
 * @returns {Promise<void>}
 * @throws {Error} whose message says what to do
 */
export async function buildAddon(tool, { force = false, allowArchive = false } = {}) {
  const { resolveLibTorch, writeChoice } = await import('../libtorch/resolve.mjs');
  const { withLock } = await import('../libtorch/cache.mjs');
  const folder = join(ROOT, FOLDERS[tool]);
  await withLock(join(ROOT, `${FOLDERS[tool]}-tree`), say, async () => {
    const reason = staleAddon(tool);
    if (!reason && !force) return;
    say(
      `building the native addon with ${tool === 'cmake' ? 'cmake-js' : 'node-gyp'}: ${reason ?? 'asked for'}`,
    );
    const libtorch = await resolveLibTorch({ allowArchive, log: say });
    say(`LibTorch ${libtorch.version} (${libtorch.flavour}) from ${libtorch.source}: ${libtorch.path}`);
    const key = sourceKey(tool);
    rmSync(join(folder, 'stamp.json'), { force: true });
    const env = { ...process.env, LIBTORCH: libtorch.path, GMISEG_TORCH_VERSION: libtorch.version };
    if (tool === 'cmake') await runCmakeJs(folder, libtorch, env);
    else await runNodeGyp(env);
    if (!existsSync(addonPath(tool))) throw new Error(`the build ended without ${addonPath(tool)}`);
    await loadOnce(addonPath(tool));
    writeChoice(join(folder, 'libtorch.json'), libtorch);
    writeFileSync(join(folder, 'stamp.json'), `${JSON.stringify({ key })}\n`);
    say(`built ${addonPath(tool)}`);
  });
}

/**
 * A shared object links even with symbols that nobody defines: only loading tells. In a process of its own, as a
 * library may crash.
 *
 * @param {string} path
 */
async function loadOnce(path) {
  const code = `process.dlopen({ exports: {} }, ${JSON.stringify(path)})`;
  const { status, stderr } = await run(process.execPath, ['--eval', code]);
  if (status === 0) return;
  const reason = stderr.match(/^Error: .*/m)?.[0] ?? tail(stderr);
  throw new Error(`the addon was built but cannot be loaded: ${reason}`);
}

/** LibTorch's headers take a compiler more than a gigabyte. */
function jobs() {
  const asked = Number(process.env.GMISEG_JOBS);
  if (asked >= 1) return String(Math.floor(asked));
  // Of the container, where there is one.
  const memory = Math.min(totalmem(), process.constrainedMemory?.() || Number.POSITIVE_INFINITY);
  return String(Math.max(1, Math.min(availableParallelism(), Math.floor(memory / 2e9))));
}

/**
 * @param {string} folder
 * @param {import('../libtorch/config.mjs').Resolved} libtorch
 * @param {NodeJS.ProcessEnv} env
 */
async function runCmakeJs(folder, libtorch, env) {
  const cmakeJs = resolveDependency('cmake-js/bin/cmake-js');
  if (!cmakeJs) throw new Error('cmake-js is not installed; run `npm ci`');
  if (!hasProgram('cmake'))
    throw new Error('CMake (3.19 or newer) is not installed; install it, e.g. `apt-get install cmake`');
  const options = ['--log-level', 'warn', '--out', folder, '--directory', ROOT];
  const defines = [`--CDLIBTORCH=${libtorch.path}`, `--CDLIBTORCH_VERSION=${libtorch.version}`];
  const call = (/** @type {string} */ command, /** @type {string[]} */ more) =>
    runInherited(process.execPath, [cmakeJs, command, ...options, ...more], { cwd: ROOT, env });
  const isUsed = existsSync(join(folder, 'CMakeCache.txt'));
  if ((await call('configure', defines)) !== 0) {
    if (!isUsed) throw new Error('CMake could not configure the build (see above)');
    // A tree of another generator, compiler or checkout cannot be configured again.
    say('configuring failed; once more in a clean tree');
    rmSync(folder, { recursive: true, force: true });
    if ((await call('configure', defines)) !== 0)
      throw new Error('CMake could not configure the build (see above)');
  }
  if ((await call('build', ['--parallel', jobs()])) !== 0)
    throw new Error('the compiler reported errors (see above)');
}

/** @param {NodeJS.ProcessEnv} env */
async function runNodeGyp(env) {
  const nodeGyp = resolveDependency('node-gyp/bin/node-gyp.js');
  if (!nodeGyp) throw new Error('node-gyp is not installed; run `npm ci`');
  mkdirSync(join(ROOT, FOLDERS.gyp), { recursive: true });
  const ccache = !env.CXX && hasProgram('ccache') ? { CXX: 'ccache c++' } : {};
  const args = ['configure', 'build', '--release', '--nodedir', nodeDir(env), '--jobs', jobs()];
  const status = await runInherited(process.execPath, [nodeGyp, ...args], {
    cwd: ROOT,
    env: { ...env, ...ccache },
  });
  if (status !== 0) throw new Error('node-gyp could not build the addon (see above)');
}

/**
 * The folder whose include/node has Node's headers: node-gyp would else download them.
 *
 * @param {NodeJS.ProcessEnv} env
 */
function nodeDir(env) {
  const candidates = [
    env.npm_config_nodedir,
    env.npm_package_config_node_gyp_nodedir,
    dirname(dirname(process.execPath)),
  ];
  const found = candidates.find(
    (folder) => folder && existsSync(join(folder, 'include', 'node', 'common.gypi')),
  );
  if (found) return found;
  throw new Error(
    `Node's headers are not beside ${process.execPath}; install them (Debian: libnode-dev; nvm and nodejs.org ` +
      'bring them) and set npm_config_nodedir to the folder that holds include/node',
  );
}

/** @param {string} program */
function hasProgram(program) {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
