import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** `a/scan.nii.gz` -> `scan`; undefined for what is no path. */
export function baseNameOf(input: unknown): string | undefined {
  if (typeof input !== 'string' && !(input instanceof URL)) return undefined;
  const file = input instanceof URL ? fileURLToPath(input) : input;
  return path.basename(file).replace(/\.nii\.gz$|\.[^.]+$/i, '');
}
