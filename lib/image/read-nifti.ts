import { GmisegError } from '../errors.js';
import { ByteStream } from './byte-stream.js';
import { readHead } from './file-bytes.js';
import { detectFormat, wrongFormatError } from './formats.js';
import { type NiftiExtension, parseExtensions } from './nifti-extensions.js';
import { niftiGeometry } from './nifti-geometry.js';
import { headerSize, type NiftiHeader, niftiVersion, parseNiftiHeader } from './nifti-header.js';
import { headerPathOfImg, imgPathOfHeader } from './nifti-pair.js';
import { decodeVoxels, voxelStorage } from './nifti-voxels.js';
import type { Volume } from './types.js';

interface FileStart {
  readonly path: string;
  readonly head: Buffer;
  readonly gzipped: boolean;
  readonly size: number;
}

interface ParsedHeader {
  readonly header: NiftiHeader;
  readonly bytes: Uint8Array;
  readonly extensions: readonly NiftiExtension[];
}

/** Extensions longer than this are taken for a damaged vox_offset. */
const MAX_EXTENSIONS = 2 ** 28;
const MAX_PAIR_EXTENSIONS = 2 ** 20;
/** DEFLATE packs at most about 1032 to 1. */
const MAX_DEFLATE_RATIO = 1040;

/** The file that holds the header: the path itself or, for a pair's .img, the .hdr beside it. */
async function findHeader(path: string): Promise<FileStart> {
  const start = { path, ...(await readHead(path)) };
  const format = detectFormat(start.head);
  if (format === 'nifti') return start;
  if (format === 'unknown') {
    const beside = await headerPathOfImg(path);
    if (beside !== undefined) {
      const found = { path: beside, ...(await readHead(beside)) };
      const besideFormat = detectFormat(found.head);
      if (besideFormat === 'nifti') return found;
      throw wrongFormatError(beside, besideFormat, 'volume');
    }
  }
  throw wrongFormatError(path, format, 'volume');
}

function truncatedError(path: string, have: number, need: number): GmisegError {
  return new GmisegError(
    'ERR_IMAGE_FORMAT',
    `${path} is cut short: its header calls for ${need} bytes of voxels, ${have} are there; copy or download it again`,
    { details: { path, have, need } },
  );
}

/** Reads the header, its extensions and, in a single file, everything up to the voxels. */
async function readHeaderPart(start: FileStart, stream: ByteStream): Promise<ParsedHeader> {
  const { path } = start;
  const bytes = new Uint8Array(headerSize(niftiVersion(start.head)!));
  await stream.fill(bytes);
  const header = parseNiftiHeader(bytes, path);
  const flag = new Uint8Array(4);
  const flagBytes = await stream.fill(flag);
  // In a pair the extensions run to the end of the .hdr, in a single file to the voxels.
  const room = header.pair ? MAX_PAIR_EXTENSIONS : header.voxOffset - bytes.length - 4;
  if (flagBytes < 4 || flag[0] === 0) {
    if (!header.pair) await stream.skip(room);
    return { header, bytes, extensions: [] };
  }
  if (room > MAX_EXTENSIONS || (!header.pair && !start.gzipped && room > start.size))
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} places its voxels at byte ${header.voxOffset}; its header is damaged`,
      { details: { path, voxOffset: header.voxOffset } },
    );
  const area = new Uint8Array(room);
  const got = await stream.fill(area);
  const extensions = parseExtensions(area.subarray(0, got), header.littleEndian, header.warnings);
  return { header, bytes, extensions };
}

/** Room for the voxels, once the file can be believed to hold that many. */
function allocateVoxels(need: number, file: FileStart, header: NiftiHeader): Uint8Array<ArrayBuffer> {
  const { path } = file;
  if (!Number.isSafeInteger(need))
    throw new GmisegError('ERR_IMAGE_FORMAT', `${path} states an impossible size; its header is damaged`, {
      details: { path, dims: header.dims },
    });
  const have = file.gzipped ? file.size * MAX_DEFLATE_RATIO : Math.max(0, file.size - header.voxOffset);
  if (have < need) throw truncatedError(path, have, need);
  try {
    return new Uint8Array(need);
  } catch (cause) {
    throw new GmisegError(
      'ERR_OUT_OF_MEMORY',
      `${path} needs ${(need / 2 ** 30).toFixed(1)} GiB for its voxels, more than can be held at once; crop it or drop time points`,
      { cause, details: { path, bytes: need } },
    );
  }
}

async function readVoxelBytes(
  stream: ByteStream,
  file: FileStart,
  header: NiftiHeader,
): Promise<Uint8Array<ArrayBuffer>> {
  const need =
    header.dims.reduce((product, size) => product * size, 1) * voxelStorage(header, file.path).bytes;
  const bytes = allocateVoxels(need, file, header);
  const got = await stream.fill(bytes);
  if (got < need) throw truncatedError(file.path, got, need);
  // Bytes behind the voxels are allowed; a gzip stream is read to its end for the checksum.
  if (file.gzipped) await stream.drain();
  return bytes;
}

async function readPairedVoxels(start: FileStart, header: NiftiHeader, signal: AbortSignal | undefined) {
  const path = await imgPathOfHeader(start.path);
  if (path === undefined)
    throw new GmisegError(
      'ERR_IMAGE_NOT_FOUND',
      `${start.path} is the header of a NIfTI pair; put its .img file beside it`,
      { details: { path: start.path } },
    );
  const file = { path, ...(await readHead(path)) };
  const stream = new ByteStream(path, file.gzipped, signal);
  try {
    await stream.skip(header.voxOffset);
    return await readVoxelBytes(stream, file, header);
  } finally {
    stream.close();
  }
}

function describeExtraAxes(header: NiftiHeader): string[] {
  const used = header.dims.slice(3).filter((size) => size > 1);
  return used.length > 1
    ? [`the volume has ${3 + used.length} axes; those beyond the third are read as frames`]
    : [];
}

/**
 * Reads a NIfTI-1 or NIfTI-2 volume: .nii, .nii.gz or either half of an .hdr/.img pair, in both byte orders.
 * The content decides, not the name.
 *
 * Voxels keep their stored type; where scl_slope is finite and not 0 they are scaled (Float32Array, or
 * Float64Array for 32 and 64-bit numbers). 64-bit integers come as Float64Array. Axes 4 to 7 are frames, in the
 * file's order. RGB and RGBA volumes come as Uint8Array with three frames (R, G, B) per time point and
 * `colour: true`; alpha is left out. Affine and spacing are in millimetres, RAS+, whatever the file's unit;
 * see niftiGeometry for the choice between sform and qform. `source.warnings` says what a user should know.
 *
 * @throws GmisegError ERR_IMAGE_NOT_FOUND; ERR_IMAGE_FORMAT (no NIfTI, ANALYZE, a directory, damaged, cut
 *   short, complex voxels); ERR_OUT_OF_MEMORY; ERR_IO. An abort rejects with the signal's reason.
 */
export async function readNifti(path: string, signal?: AbortSignal): Promise<Volume> {
  const start = await findHeader(path);
  const stream = new ByteStream(start.path, start.gzipped, signal);
  try {
    const parsed = await readHeaderPart(start, stream);
    const { header } = parsed;
    voxelStorage(header, start.path);
    const bytes = header.pair
      ? await readPairedVoxels(start, header, signal)
      : await readVoxelBytes(stream, start, header);
    const data = await decodeVoxels(bytes, header, start.path, signal);
    const { affine, spacing, warnings } = niftiGeometry(header);
    const [ni, nj, nk, ...more] = header.dims as [number, number, number, ...number[]];
    const colour = header.datatype === 128 || header.datatype === 2304;
    const frames = more.reduce((product, size) => product * size, colour ? 3 : 1);
    return {
      data,
      shape: [ni, nj, nk],
      frames,
      spacing,
      affine,
      ...(colour ? { colour } : {}),
      source: {
        format: 'nifti',
        path,
        header: parsed.bytes,
        littleEndian: header.littleEndian,
        extensions: parsed.extensions,
        warnings: [...header.warnings, ...warnings, ...describeExtraAxes(header)],
      },
    };
  } finally {
    stream.close();
  }
}
