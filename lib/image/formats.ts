import { GmisegError } from '../errors.js';

/** What a file's first bytes say it is. */
export type ImageFormat =
  | 'png'
  | 'jpeg'
  | 'tiff'
  | 'bmp'
  | 'pnm'
  | 'gif'
  | 'webp'
  | 'nifti'
  | 'analyze'
  | 'nrrd'
  | 'metaimage'
  | 'dicom'
  | 'hdf5'
  | 'numpy'
  | 'zip'
  | 'git-lfs'
  | 'empty'
  | 'unknown';

/** ANALYZE is refused by the reader, which says why. */
const VOLUME_FORMATS: ReadonlySet<ImageFormat> = new Set(['nifti', 'analyze', 'nrrd', 'metaimage', 'dicom']);

const PICTURE_FORMATS: ReadonlySet<ImageFormat> = new Set([
  'png',
  'jpeg',
  'tiff',
  'bmp',
  'pnm',
  'gif',
  'webp',
]);

/** Whether the format holds volumes, readable here or not. */
export function isVolumeFormat(format: ImageFormat): boolean {
  return VOLUME_FORMATS.has(format);
}

/** Whether the format is a 2-D picture that readImage takes. */
export function isPictureFormat(format: ImageFormat): boolean {
  return PICTURE_FORMATS.has(format);
}

function ascii(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    'latin1',
    start,
    Math.min(start + length, bytes.byteLength),
  );
}

function niftiOrAnalyze(head: Uint8Array): ImageFormat | undefined {
  if (head.length < 348) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  for (const little of [true, false]) {
    const size = view.getInt32(0, little);
    if (size === 540 && /^n(\+|i)2\0/.test(ascii(head, 4, 4))) return 'nifti';
    if (size !== 348) continue;
    if (/^n(\+|i)1\0/.test(ascii(head, 344, 4))) return 'nifti';
    const rank = view.getInt16(40, little);
    if (rank >= 1 && rank <= 7) return 'analyze';
  }
  return undefined;
}

const BMP_HEADER_SIZES = new Set([12, 40, 52, 56, 64, 108, 124]);

/**
 * The format of a file from its first bytes.
 * @param head the (unzipped) beginning of the file; 1 KiB is enough for every format
 */
export function detectFormat(head: Uint8Array): ImageFormat {
  if (head.length === 0) return 'empty';
  const text = ascii(head, 0, 64);
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (/^(II[*+]\0|MM\0[*+])/.test(text)) return 'tiff';
  if (/^GIF8[79]a/.test(text)) return 'gif';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'webp';
  if (text.startsWith('BM') && head.length >= 18 && BMP_HEADER_SIZES.has(head[14]!)) return 'bmp';
  if (/^P[1-6][\s#]/.test(text)) return 'pnm';
  if (text.startsWith('NRRD000')) return 'nrrd';
  if (/^(ObjectType|NDims)\s*=/.test(text)) return 'metaimage';
  if (text.startsWith('\x89HDF\r\n\x1a\n')) return 'hdf5';
  if (text.startsWith('\x93NUMPY')) return 'numpy';
  if (text.startsWith('PK\x03\x04')) return 'zip';
  if (text.startsWith('version https://git-lfs.github.com/spec/')) return 'git-lfs';
  if (ascii(head, 128, 4) === 'DICM') return 'dicom';
  return niftiOrAnalyze(head) ?? 'unknown';
}

const REMEDIES: Record<ImageFormat, string> = {
  png: 'is a PNG picture',
  jpeg: 'is a JPEG picture',
  tiff: 'is a TIFF picture',
  bmp: 'is a BMP picture',
  pnm: 'is a PNM picture',
  gif: 'is a GIF picture',
  webp: 'is a WebP picture',
  nifti: 'is a NIfTI volume',
  analyze:
    'is an ANALYZE 7.5 header, which does not say how the volume lies in space; ' +
    'convert it to NIfTI with a tool that knows the scanner (for example fslchfiletype or ITK-SNAP)',
  nrrd: 'is an NRRD volume',
  metaimage: 'is a MetaImage volume',
  dicom: 'is a DICOM image',
  hdf5: 'is an HDF5 file; `gmiseg import` takes those of TransUNet, others must be exported as NIfTI or PNG',
  numpy: 'is a NumPy array; save it as PNG or TIFF (2-D) or NIfTI (3-D)',
  zip: 'is a zip archive; unpack it and pass the images inside',
  'git-lfs': 'is a Git LFS pointer, not the image itself; run `git lfs pull` in its repository',
  empty: 'is empty; copy or download it again',
  unknown: 'is in no format known here; use PNG, JPEG, TIFF, BMP, PNM, NIfTI, NRRD, MetaImage or DICOM',
};

/** The error for a file whose format is not the one asked for. */
export function wrongFormatError(
  path: string,
  format: ImageFormat,
  wanted: 'picture' | 'volume',
): GmisegError {
  let message = `${path} ${REMEDIES[format]}`;
  if (wanted === 'volume' && isPictureFormat(format)) message += ', not a volume; read it with readImage';
  if (wanted === 'picture' && isVolumeFormat(format) && format !== 'analyze')
    message += ', not a 2-D picture; read it with readVolume';
  return new GmisegError('ERR_IMAGE_FORMAT', message, { details: { path, format } });
}
