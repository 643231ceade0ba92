import { accessSync, constants, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fromArchive } from './archive.mjs';
import { cacheRoot, freeBytes, putInPlace, withLock, withScratch } from './cache.mjs';
import { minorOf, PINNED_VERSION, SIZES } from './config.mjs';
import { chooseFlavour } from './flavour.mjs';
import { inspectLibTorch } from './inspect.mjs';
import { cpuWheelIndex, fromPip } from './pip.mjs';
import { findPythons, findPythonTorch } from './python.mjs';

/**
 * @typedef {import('./config.mjs').Resolved} Resolved
 * @typedef {{ source: string, reason: string }} Attempt
 *
 * @typedef {object} ResolveOptions
 * @property {NodeJS.ProcessEnv} [env]
 * @property {(message: string) => void} [log]
 * @property {boolean} [allowArchive] as `GMISEG_LIBTORCH_ARCHIVE=1`
 * @property {(folder: string) => number} [freeBytes]
 * @property {(path: string) => boolean} [exists] asked about the files of an NVIDIA driver
 *
 * @typedef {object} Search one search, with what it has tried
 * @property {ResolveOptions} options
 * @property {NodeJS.ProcessEnv} env
 * @property {(message: string) => void} log
 * @property {string} version wanted
 * @property {import('./config.mjs').Flavour} flavour wanted
 * @property {boolean} asked whether the user named the flavour
 * @property {(source: string, error: unknown) => void} failed notes an attempt
 */

/** No source had a usable LibTorch; the message lists them all and the ways out. */
export class LibTorchNotFoundError extends Error {
  /**
   * @param {string} version
   * @param {string} flavour
   * @param {readonly Attempt[]} attempts
   */
  constructor(version, flavour, attempts) {
    const tried = attempts.map(({ source, reason }) => `  ${source}: ${reason.replaceAll('\n', '\n    ')}`);
    super(
      [
        `No usable LibTorch ${minorOf(version)} (${flavour}) was found. Tried:`,
        ...tried,
        'Do one of these, then repeat the command:',
        '  apt-get install python3-pip                (LibTorch is then fetched by itself)',
        `  python3 -m pip install torch==${version}       (in a virtual environment that is first on the PATH)`,
        '  export LIBTORCH=/path/to/libtorch          (a folder with include/ and lib/)',
        '  export GMISEG_LIBTORCH_ARCHIVE=1           (the official archive; its checksum is not published)',
      ].join('\n'),
    );
    this.name = 'LibTorchNotFoundError';
    this.attempts = attempts;
  }
}

/**
 * Finds LibTorch, or fetches it into the project's cache. Order: `LIBTORCH`, an importable python torch,
 * the cache, pip, and with leave the official archive.
 *
 * @param {ResolveOptions} [options]
 * @returns {Promise<Resolved>}
 * @throws {LibTorchNotFoundError}
 */
export async function resolveLibTorch(options = {}) {
  const { env = process.env, log = (message) => process.stderr.write(`gmiseg: ${message}\n`) } = options;
  const version = env.GMISEG_TORCH_VERSION || PINNED_VERSION;
  const { flavour, asked } = chooseFlavour(env, options.exists);
  /** @type {Attempt[]} */
  const attempts = [];
  /** @type {Search} */
  const search = {
    options,
    env,
    log,
    version,
    flavour,
    asked,
    failed: (source, error) => {
      attempts.push({ source, reason: error instanceof Error ? error.message : String(error) });
    },
  };
  if (!env.LIBTORCH) search.failed('LIBTORCH', 'not set');
  // Whoever sets LIBTORCH means it: falling through to another one would hide the mistake.
  const found = env.LIBTORCH
    ? fromFolder(search, env.LIBTORCH)
    : ((await fromPythons(search)) ?? (await fromCache(search)));
  if (found === undefined) throw new LibTorchNotFoundError(version, flavour, attempts);
  return found;
}

/**
 * @param {Search} search
 * @param {string} folder that LIBTORCH names
 * @returns {Resolved | undefined}
 */
function fromFolder({ version, failed }, folder) {
  try {
    return { ...requireMinor(inspectLibTorch(folder), version), source: 'LIBTORCH' };
  } catch (error) {
    failed('LIBTORCH', error);
    return undefined;
  }
}

/**
 * @param {Search} search
 * @returns {Promise<Resolved | undefined>}
 */
async function fromPythons({ env, log, version, flavour, asked, failed }) {
  const pythons = findPythons(env);
  if (pythons.length === 0) failed('python torch', 'no python3 on the PATH');
  for (const python of pythons) {
    try {
      const { path, reason } = await findPythonTorch(python, env);
      if (path === undefined) throw new Error(`${python}: ${reason}`);
      const found = requireMinor(inspectLibTorch(path), version);
      if (asked && found.flavour !== flavour) {
        throw new Error(`${path} is a ${found.flavour} build; GMISEG_LIBTORCH=${flavour} asks for another`);
      }
      if (found.flavour === 'cpu' && flavour === 'cuda') {
        log(
          `${path} is a CPU build, though this machine has an NVIDIA driver; GMISEG_LIBTORCH=cuda gets a CUDA one`,
        );
      }
      return { ...found, source: 'python' };
    } catch (error) {
      failed('python torch', error);
    }
  }
  return undefined;
}

/**
 * What is in the cache, or what is fetched into it.
 *
 * @param {Search} search
 * @returns {Promise<Resolved | undefined>}
 */
async function fromCache(search) {
  const { env, log, version, flavour, failed } = search;
  const entry = join(cacheRoot(env), `libtorch-${version}-${flavour}`);
  const tree = join(entry, 'torch');
  const cached = () => ({
    ...requireMinor(inspectLibTorch(tree), version),
    source: /** @type {const} */ ('cache'),
  });
  try {
    return cached();
  } catch (error) {
    failed('cache', error);
  }
  try {
    mkdirSync(dirname(entry), { recursive: true });
    accessSync(dirname(entry), constants.W_OK);
  } catch (error) {
    failed('cache', `${error instanceof Error ? error.message : error}; set GMISEG_CACHE to another folder`);
    return undefined;
  }
  return withLock(entry, log, async () => {
    // Another process may have filled it while this one waited for the lock.
    if (existsSync(tree)) {
      try {
        return cached();
      } catch {
        log(`${entry} is damaged and will be replaced`);
      }
    }
    return await download(search, entry, tree);
  });
}

/**
 * @param {Search} search
 * @param {string} entry of the cache, whose lock is held
 * @param {string} tree LibTorch's folder in it
 * @returns {Promise<Resolved | undefined>}
 */
async function download({ options, env, log, version, flavour, failed }, entry, tree) {
  const free = (options.freeBytes ?? freeBytes)(dirname(entry));
  if (free < SIZES[flavour].needed) {
    failed(
      'download',
      `${gigabytes(SIZES[flavour].needed)} are needed, ${gigabytes(free)} are free in ${dirname(entry)}`,
    );
    return undefined;
  }
  for (const [source, fetchTree] of fetchers(options, env)) {
    try {
      return await withScratch(entry, async (scratch) => {
        log(announcement(source, version, flavour, env, entry));
        const site = await fetchTree({ version, flavour, env, scratch, log });
        const found = requireMinor(inspectLibTorch(join(site, 'torch')), version);
        if (found.flavour !== flavour) throw new Error(`it is a ${found.flavour} build, not ${flavour}`);
        putInPlace(site, entry);
        return { ...found, path: tree, source };
      });
    } catch (error) {
      failed(source, error);
    }
  }
  if (!archiveAllowed(options, env)) failed('archive', 'not asked for (GMISEG_LIBTORCH_ARCHIVE=1)');
  return undefined;
}

/**
 * @param {ResolveOptions} options
 * @param {NodeJS.ProcessEnv} env
 * @returns {[('pip' | 'archive'), (options: import('./pip.mjs').FetchOptions) => Promise<string>][]}
 */
function fetchers(options, env) {
  return archiveAllowed(options, env)
    ? [
        ['pip', fromPip],
        ['archive', fromArchive],
      ]
    : [['pip', fromPip]];
}

/**
 * @param {ResolveOptions} options
 * @param {NodeJS.ProcessEnv} env
 */
function archiveAllowed(options, env) {
  return options.allowArchive === true || env.GMISEG_LIBTORCH_ARCHIVE === '1';
}

/**
 * @param {import('./config.mjs').LibTorch} found
 * @param {string} version
 */
function requireMinor(found, version) {
  if (minorOf(found.version) !== minorOf(version)) {
    throw new Error(
      `${found.path} is LibTorch ${found.version}; gmiseg is built and tested with ${minorOf(version)} ` +
        `(GMISEG_TORCH_VERSION=${found.version.split('+')[0]} tries it all the same)`,
    );
  }
  return found;
}

/**
 * @param {'pip' | 'archive'} source
 * @param {string} version
 * @param {import('./config.mjs').Flavour} flavour
 * @param {NodeJS.ProcessEnv} env
 * @param {string} entry
 */
function announcement(source, version, flavour, env, entry) {
  const index = flavour === 'cpu' ? cpuWheelIndex(env) : '';
  const from = {
    pip: `with pip, from its configured package indexes${index ? ` and ${index}` : ''}`,
    archive: 'as the official archive',
  }[source];
  const { download } = SIZES[flavour];
  return `LibTorch ${version} (${flavour}) will be downloaded ${from}: about ${gigabytes(download)}, into ${entry}`;
}

/** @param {number} bytes */
function gigabytes(bytes) {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/**
 * Writes what was chosen beside the addon, for `gmiseg doctor`.
 *
 * @param {string} file
 * @param {Resolved} found
 */
export function writeChoice(file, found) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.tmp`, `${JSON.stringify(found, null, 2)}\n`);
  renameSync(`${file}.tmp`, file);
}
