import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GmisegError } from './errors.js';

export interface PackageRoot {
  /** The folder of gmiseg's package.json. */
  readonly path: string;
  readonly version: string;
}

let found: PackageRoot | undefined;

/**
 * Where this package lies and which version it is: the first package.json named gmiseg above this file, which
 * is right for the sources and for dist/ alike.
 */
export function packageRoot(): PackageRoot {
  if (found) return found;
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const manifest = readManifest(join(folder, 'package.json'));
    if (manifest?.name === 'gmiseg') {
      found = { path: folder, version: manifest.version };
      return found;
    }
    if (folder === dirname(folder)) break;
  }
  throw new GmisegError(
    'ERR_INTERNAL',
    `No package.json of gmiseg lies in a folder above ${start}. Install the package again; do not bundle it.`,
  );
}

function readManifest(path: string): { name: string; version: string } | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  return JSON.parse(text) as { name: string; version: string };
}
