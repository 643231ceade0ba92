import path from 'node:path';

/** `a/scan.nii.gz` -> `scan`: a file's name without its folder and its ending. */
export function baseName(file: string): string {
  return path.basename(file).replace(/\.nii\.gz$|\.[^.]+$/i, '');
}
