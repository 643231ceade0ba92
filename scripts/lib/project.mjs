import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

// Node's own modules only: scripts/setup.mjs runs before node_modules is there.

/** The package's folder. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** A checkout has the sources of the TypeScript layer; an installed package has dist/ alone. */
export const IS_CHECKOUT = existsSync(join(ROOT, 'lib', 'index.ts')) || existsSync(join(ROOT, '.git'));

/** @param {string} message */
export function say(message) {
  process.stderr.write(`gmiseg: ${message}\n`);
}

/**
 * @param {string} folder relative to the root
 * @param {RegExp} pattern of the file's name
 * @returns {string[]} sorted paths relative to the root
 */
export function filesBelow(folder, pattern) {
  const top = join(ROOT, folder);
  if (!existsSync(top)) return [];
  return readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

/**
 * One hash over files' names and contents and a few facts besides.
 *
 * @param {readonly string[]} files relative to the root; one that is missing counts as such
 * @param {readonly string[]} [facts]
 */
export function hashOf(files, facts = []) {
  const hash = createHash('sha256');
  for (const file of files) {
    const path = join(ROOT, file);
    hash.update(`${file}\0`).update(existsSync(path) ? readFileSync(path) : 'missing');
  }
  return hash.update(JSON.stringify(facts)).digest('hex');
}

/**
 * A dependency's file, wherever npm put the dependency.
 *
 * @param {string} specifier "cmake-js/bin/cmake-js"
 * @returns {string | undefined}
 */
export function resolveDependency(specifier) {
  const [scope = '', name = ''] = specifier.split('/');
  const dependency = scope.startsWith('@') ? `${scope}/${name}` : scope;
  // Through the package's folder: "exports" may hide the very file that is asked for.
  for (const folder of createRequire(join(ROOT, 'package.json')).resolve.paths(dependency) ?? []) {
    const path = join(folder, specifier);
    if (existsSync(path)) return path;
  }
  return undefined;
}
