import type { NiftiSource, Volume } from '../../lib/image/types.js';

/** The NIfTI header that a volume was read with. */
export function niftiSource({ source }: Volume): NiftiSource {
  if (source?.format !== 'nifti') throw new Error(`not from a NIfTI file but ${source?.format}`);
  return source;
}
