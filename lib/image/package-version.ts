import { readFileSync } from 'node:fs';

interface Manifest {
  readonly name?: string;
  readonly version?: string;
}

/** The package's version, from the package.json above this file (sources and build lie at different depths). */
export function packageVersion(): string {
  for (const up of ['../../package.json', '../package.json', '../../../package.json']) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as Manifest;
      if (manifest.name === 'gmiseg' && manifest.version !== undefined) return manifest.version;
    } catch {
      // Not there: look one level further.
    }
  }
  return '0.0.0';
}
