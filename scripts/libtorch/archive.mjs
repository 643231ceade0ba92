import { createWriteStream, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ARCHIVE_BASE, ARCHIVE_CUDA_NAMES } from './config.mjs';
import { keepFile } from './pip.mjs';
import { sha256Of, unzip } from './unpack.mjs';

/**
 * The official archive. Nobody publishes its checksum, so it is used only when asked for; its sha256 is
 * printed, and compared with `GMISEG_LIBTORCH_ARCHIVE_SHA256` where that is set.
 *
 * @param {import('./pip.mjs').FetchOptions} options
 * @returns {Promise<string>} a folder that holds torch/
 * @throws {Error} the reason
 */
export async function fromArchive({ version, flavour, env, scratch, log }) {
  const urls = archiveUrls(version, flavour, env);
  const zip = join(scratch, 'libtorch.zip');
  const reasons = [];
  for (const url of urls) {
    log(`downloading ${url}`);
    const reason = await download(url, zip);
    if (reason === undefined) {
      await checkSum(zip, env.GMISEG_LIBTORCH_ARCHIVE_SHA256, log);
      const folder = join(scratch, 'unzipped');
      const keep = (/** @type {string} */ name) => {
        if (!name.startsWith('libtorch/')) return false;
        const below = name.slice('libtorch/'.length);
        return below === 'build-version' || keepFile(`torch/${below}`, flavour);
      };
      const files = await unzip(zip, folder, keep);
      if (files.size === 0) throw new Error(`${url} holds no libtorch/ folder`);
      const site = join(scratch, 'archive');
      mkdirSync(site);
      renameSync(join(folder, 'libtorch'), join(site, 'torch'));
      rmSync(zip);
      return site;
    }
    reasons.push(`${url}: ${reason}`);
  }
  throw new Error(reasons.join('; '));
}

/**
 * @param {string} version
 * @param {import('./config.mjs').Flavour} flavour
 * @param {NodeJS.ProcessEnv} env `GMISEG_LIBTORCH_ARCHIVE_URL` names one archive instead
 */
export function archiveUrls(version, flavour, env) {
  if (env.GMISEG_LIBTORCH_ARCHIVE_URL) return [env.GMISEG_LIBTORCH_ARCHIVE_URL];
  const names = flavour === 'cpu' ? ['cpu'] : ARCHIVE_CUDA_NAMES;
  return names.map((name) => `${ARCHIVE_BASE}/${name}/libtorch-shared-with-deps-${version}%2B${name}.zip`);
}

/**
 * @param {string} url
 * @param {string} file
 * @returns {Promise<string | undefined>} why it failed
 */
async function download(url, file) {
  try {
    const response = await fetch(url);
    if (!response.ok || !response.body) return `HTTP ${response.status}`;
    // A connection that breaks off early is an error of the stream: the length is declared.
    await pipeline(
      Readable.fromWeb(/** @type {import('node:stream/web').ReadableStream} */ (response.body)),
      createWriteStream(file),
    );
    return undefined;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return cause instanceof Error ? cause.message : String(cause);
  }
}

/**
 * @param {string} file
 * @param {string | undefined} expected
 * @param {(message: string) => void} log
 */
async function checkSum(file, expected, log) {
  const sha256 = await sha256Of(file, 'hex');
  if (!expected) {
    log(`sha256 ${sha256} (not verified: no checksum of this archive is published)`);
  } else if (expected.toLowerCase() !== sha256) {
    throw new Error(`the archive's sha256 is ${sha256}, not the one in GMISEG_LIBTORCH_ARCHIVE_SHA256`);
  }
}
