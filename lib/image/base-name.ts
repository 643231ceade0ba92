import path from 'node:path';

/**
 * What names of images and arrays end in, gzipped or not. Only known endings: folders of DICOM series and many files
 * in them are named by UIDs, whose last number is no ending.
 */
const ENDING =
  /(?<=[^/])(\.(nii|nrrd|nhdr|mh[ad]|hdr|img|dcm|dicom|ima|(ome\.)?tiff?|png|jpe?g|jpe|jfif|bmp|gif|webp|p[bgpn]m|np[yz]|(npy\.)?(h5|hdf5)))?(\.gz)?$/i;

/** `a/scan.nii.gz` -> `a/scan` */
export function withoutEnding(file: string): string {
  return file.replace(ENDING, '');
}

/** `a/scan.nii.gz` -> `scan`: a file's or folder's name without the folder it is in and its ending. */
export function baseName(file: string): string {
  return withoutEnding(path.basename(path.resolve(file)));
}
