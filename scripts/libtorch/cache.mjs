import { mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import lockfile from 'proper-lockfile';

/**
 * `GMISEG_CACHE`, else gmiseg/ in the user's cache folder.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export function cacheRoot(env) {
  if (env.GMISEG_CACHE) return resolve(env.GMISEG_CACHE);
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'gmiseg');
}

/**
 * Holds the lock of one cache entry while `work` runs; waits for other processes, who may be downloading.
 *
 * @template T
 * @param {string} entry the folder that the lock guards; it need not exist
 * @param {(message: string) => void} log
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(entry, log, work) {
  mkdirSync(resolve(entry, '..'), { recursive: true });
  const options = {
    realpath: false,
    stale: 20_000,
    update: 5_000,
    // A machine that slept may have lost the lock. The default throws from a timer; what is made here is renamed
    // into place whole, so the worst is work done twice.
    onCompromised: () => log(`lost ${entry}.lock: did this machine sleep?`),
  };
  /** @type {() => Promise<void>} */
  let release;
  try {
    release = await lockfile.lock(entry, options);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ELOCKED')) throw error;
    log(`waiting for another process that holds ${entry}.lock`);
    // An hour: a CUDA build over a slow line. A dead holder's lock is taken over after 20 s.
    release = await lockfile.lock(entry, {
      ...options,
      retries: { retries: 7_200, minTimeout: 500, maxTimeout: 500 },
    });
  }
  try {
    return await work();
  } finally {
    await release().catch(() => {}); // lost, and said so
  }
}

/**
 * An empty folder beside `entry` for the unfinished, removed again whatever happens. Call it under the
 * entry's lock: leftovers of processes that were killed are swept first.
 *
 * @template T
 * @param {string} entry
 * @param {(folder: string) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withScratch(entry, work) {
  const parent = resolve(entry, '..');
  const prefix = `${entry.slice(parent.length + 1)}.tmp-`;
  for (const name of readdirSync(parent)) {
    if (name.startsWith(prefix)) rmSync(join(parent, name), { recursive: true, force: true });
  }
  const scratch = join(parent, `${prefix}${process.pid}`);
  mkdirSync(scratch);
  const remove = () => rmSync(scratch, { recursive: true, force: true });
  const stop = () => {
    remove();
    process.exit(130);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await work(scratch);
  } finally {
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
    remove();
  }
}

/**
 * Puts what was finished in scratch into its place, over what is broken or old there.
 *
 * @param {string} from
 * @param {string} entry
 */
export function putInPlace(from, entry) {
  rmSync(entry, { recursive: true, force: true });
  renameSync(from, entry);
}

/**
 * @param {string} folder
 * @returns {number} bytes that this user may still write there
 */
export function freeBytes(folder) {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
