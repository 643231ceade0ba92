import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './project.mjs';

/**
 * Whether node_modules holds what package-lock.json says. npm notes what it installed in a lock of its own.
 *
 * @returns {string | undefined} the first difference
 */
export function staleDependency() {
  const wanted = packagesOf(join(ROOT, 'package-lock.json'));
  const installed = packagesOf(join(ROOT, 'node_modules', '.package-lock.json'));
  if (!installed) return 'node_modules is missing';
  for (const [path, { version, optional }] of Object.entries(wanted ?? {})) {
    if (!path) continue;
    const present = installed[path];
    // Optional ones are other platforms' binaries.
    if (!present ? !optional : present.version !== version) return `${path} is not ${version}`;
  }
  return undefined;
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }> | undefined}
 */
function packagesOf(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : undefined;
}
