// npm test [-- files or tap options]: the quick tests; with --slow those of test/slow.
//   --tap FILE   also write the raw results there
//   --jobs N, --timeout SECONDS   files at a time, and how long one may take
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { filesBelow, ROOT, resolveDependency, say } from './lib/project.mjs';

const QUICK = ['unit', 'parity', 'process', 'e2e'];

const args = process.argv.slice(2);
const slow = take('--slow');
const tapFile = take('--tap', true);
const only = take('--only', true);
// Two at a time keep a two-core machine busy and usable.
const jobs = Number(take('--jobs', true) ?? (slow ? 1 : 2));
const seconds = Number(take('--timeout', true) ?? (slow ? 3600 : 240));

/** Removes what runs that were killed have compiled. */
function sweepBundles() {
  const folder = join(ROOT, '.tap');
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const pid = name.match(/^bundle-(\d+)$/)?.[1];
    if (pid && !isRunning(Number(pid))) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH';
  }
}

/**
 * @param {string} flag
 * @param {boolean} [withValue]
 * @returns {string | undefined}
 */
function take(flag, withValue = false) {
  const at = args.indexOf(flag);
  if (at < 0) return undefined;
  return args.splice(at, withValue ? 2 : 1).at(-1);
}

const setup = spawnSync(process.execPath, [join(ROOT, 'scripts/setup.mjs')], { stdio: 'inherit' });
if (setup.status !== 0) process.exit(setup.status ?? 1);

const named = args.filter((arg) => /\.test\.ts$/.test(arg)).map((file) => relative(ROOT, file));
const folders = slow ? ['slow'] : only ? only.split(',') : QUICK;
const files =
  named.length > 0 ? named : folders.flatMap((folder) => filesBelow(join('test', folder), /\.test\.ts$/));
if (files.length === 0) {
  say(`there are no tests in ${folders.map((folder) => `test/${folder}`).join(', ')}`);
  process.exit(slow ? 0 : 1);
}
const tap = resolveDependency('tap/dist/esm/run.mjs');
if (!tap) throw new Error('tap is not installed; run `npm ci`');
const options = [
  ...(process.stdout.isTTY ? [] : ['--reporter=terse']),
  ...(tapFile ? [`--output-file=${tapFile}`] : []),
  // Each file has a limit of its own.
  '--timeout=0',
  ...args.filter((arg) => !/\.test\.ts$/.test(arg)),
];
// Without a terminal tap's reporter would repaint its summary line after line, unless it believes in a CI.
const env = process.stdout.isTTY ? process.env : { CI: 'true', ...process.env };

// In tap's own folder, which git and tap's bookkeeping leave alone. Another run may go on beside this one.
const compiled = join('.tap', `bundle-${process.pid}`);
sweepBundles();
// esbuild is there only after the set-up.
const { bundleTests } = await import('./lib/bundle-tests.mjs');
try {
  const tests = { files: await bundleTests(files, compiled), jobs, seconds };
  const { status } = spawnSync(process.execPath, [tap, 'run', ...options, 'scripts/lib/all-tests.mjs'], {
    cwd: ROOT,
    env: { ...env, GMISEG_TESTS: JSON.stringify(tests) },
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(join(ROOT, compiled), { recursive: true, force: true });
}
