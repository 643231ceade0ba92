// node scripts/bench/run.mjs [SUITE...] [options]: `gmiseg bench` with the peers beside it, in the same rounds. They are
// set up by `node scripts/bench/setup.mjs`. --help lists suites and options; docs/performance.md says what they mean.
import { join } from 'node:path';
import { ROOT, say } from '../lib/project.mjs';

const dist = (/** @type {string} */ file) => import(join(ROOT, 'dist', file));

/** The embedded model's shape is none that transformers knows. */
const QUICK = join(ROOT, 'scripts', 'bench', 'quick.json');

/** @param {readonly string[]} given */
function withQuickConfig(given) {
  const chosen = given.some((word) => /^--(config|model)(=|$)/.test(word));
  return given.includes('--quick') && !chosen ? [...given, '--config', QUICK] : given;
}

const { missingPeers, peers } = await import('./peers.mjs');
const missing = missingPeers();
if (missing) {
  say(missing);
  process.exit(1);
}
const [{ runCli }, { processShell }] = await Promise.all([dist('cli/run.js'), dist('cli/shell.js')]);
const args = ['bench', ...withQuickConfig(process.argv.slice(2))];
const shell = { ...processShell(), args };
await runCli(shell, { peers });
process.exitCode = shell.status;
