// npm run lint: Biome and clang-format check; with --fix (npm run format) they rewrite.
import { spawnSync } from 'node:child_process';
import { filesBelow, ROOT, resolveDependency, say } from './lib/project.mjs';

const fix = process.argv.includes('--fix');
let failed = false;

/**
 * @param {string} name
 * @param {string | undefined} script
 * @param {readonly string[]} args
 */
function check(name, script, args) {
  if (!script) throw new Error(`${name} is not installed; run \`npm ci\``);
  const { status } = spawnSync(process.execPath, [script, ...args], { cwd: ROOT, stdio: 'inherit' });
  if (status === 0) return;
  failed = true;
  say(`${name} found something${fix ? '' : '; `npm run format` mends formatting'}`);
}

check('Biome', resolveDependency('@biomejs/biome/bin/biome'), ['check', ...(fix ? ['--write'] : [])]);
// The npm package pins the version: two versions of clang-format rarely agree.
const sources = filesBelow('native', /\.(cc|h)$/);
if (sources.length > 0) {
  const mode = fix ? ['-i'] : ['--dry-run', '--Werror'];
  check('clang-format', resolveDependency('clang-format/index.js'), [...mode, ...sources]);
}
process.exit(failed ? 1 : 0);
