import path from 'node:path';

/** `a/scan.nii.gz` -> `scan` */
export function baseName(file: string): string {
  return path.basename(file).replace(/\.nii\.gz$|\.[^.]+$/i, '');
}
