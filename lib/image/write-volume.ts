import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { GmisegError } from '../errors.js';
import { packageRoot } from '../package-root.js';
import { writeAtomically } from './atomic-write.js';
import { buildNiftiHeader, chooseVersion, niftiDatatype } from './nifti-build.js';
import { type NiftiExtension, serialiseExtensions } from './nifti-extensions.js';
import { headerSize } from './nifti-header.js';
import type { Affine, Volume, VoxelArray } from './types.js';

/** Voxels to write; the array's type becomes the file's datatype. */
export interface VolumeData {
  readonly data: VoxelArray;
  readonly shape: readonly [number, number, number];
  /** Time points or channels; 1 when left out. */
  readonly frames?: number;
}

export interface WriteVolumeOptions {
  /** The volume whose geometry the file gets. */
  readonly like?: Volume;
  /** Geometry where there is no such volume: 4 x 4, row-major, millimetres, RAS+. Unit spacing when left out. */
  readonly affine?: Affine;
  /** Header extensions; those of `like` when left out. */
  readonly extensions?: readonly NiftiExtension[];
  /** NIFTI intent code, 0 when left out. */
  readonly intentCode?: number;
  readonly signal?: AbortSignal;
}

const CHUNK = 1 << 20;
const UNIT_AFFINE: Affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
/** gzip's "unknown" operating system, so that files are the same wherever they are written. */
const GZIP_OS = 255;

/** The data's bytes in pieces. Typed arrays are little-endian on the machines the package runs on. */
function* pieces(head: readonly Uint8Array[], data: VoxelArray): Generator<Uint8Array> {
  yield* head;
  for (let at = 0; at < data.byteLength; at += CHUNK)
    yield new Uint8Array(data.buffer, data.byteOffset + at, Math.min(CHUNK, data.byteLength - at));
}

async function* gzipped(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gzip = createGzip({ chunkSize: CHUNK });
  const source = Readable.from(chunks, { objectMode: true });
  let first = true;
  for await (const chunk of source.pipe(gzip) as AsyncIterable<Buffer>) {
    // zlib writes no name and no time; the tenth byte is the operating system.
    if (first) chunk[9] = GZIP_OS;
    first = false;
    yield chunk;
  }
}

function checkVolume(path: string, volume: VolumeData, like: Volume | undefined): number {
  const frames = volume.frames ?? 1;
  const { shape, data } = volume;
  if (!/\.nii(\.gz)?$/i.test(path))
    throw new GmisegError('ERR_INVALID_ARG', `${path} must end in .nii or .nii.gz to hold a volume`, {
      details: { path },
    });
  if (shape.length !== 3 || ![...shape, frames].every((size) => Number.isInteger(size) && size > 0))
    throw new GmisegError('ERR_SHAPE', `a volume needs three positive sizes, not ${shape.join(' x ')}`, {
      details: { shape, frames },
    });
  const voxels = shape[0] * shape[1] * shape[2] * frames;
  if (data.length !== voxels)
    throw new GmisegError(
      'ERR_SHAPE',
      `${shape.join(' x ')} voxels in ${frames} frames call for ${voxels} values, not ${data.length}`,
      { details: { shape, frames, length: data.length } },
    );
  if (like !== undefined && !shape.every((size, i) => size === like.shape[i]))
    throw new GmisegError(
      'ERR_SHAPE',
      `the volume is ${shape.join(' x ')} and its model ${like.shape.join(' x ')}; both must lie on one grid`,
      { details: { shape, like: like.shape } },
    );
  return frames;
}

/**
 * Writes a NIfTI file (.nii or .nii.gz) with the geometry of `like`: both forms, codes, units and voxel sizes,
 * byte for byte, so that every reader gives both files the same affine. Slope is 1, inter 0. Little-endian, a
 * single file, NIFTI-2 where the source is or an axis needs it. Equal input gives equal bytes. The file appears
 * whole or not at all.
 * @throws GmisegError ERR_INVALID_ARG, ERR_SHAPE, ERR_IO; an abort rejects with the signal's reason
 */
export async function writeVolume(
  path: string,
  volume: VolumeData,
  options: WriteVolumeOptions = {},
): Promise<void> {
  const { like, signal } = options;
  signal?.throwIfAborted();
  const frames = checkVolume(path, volume, like);
  const affine = like?.affine ?? options.affine ?? UNIT_AFFINE;
  // Headers of other formats have nothing to copy: their geometry is all in the affine.
  const source = like?.source?.format === 'nifti' ? like.source : undefined;
  const extensions = serialiseExtensions(options.extensions ?? source?.extensions ?? []);
  const version = chooseVersion(source, volume.shape, frames);
  const header = buildNiftiHeader(
    {
      shape: volume.shape,
      frames,
      ...niftiDatatype(volume.data),
      intentCode: options.intentCode ?? 0,
      description: `gmiseg ${packageRoot().version}`,
      voxOffset: headerSize(version) + 4 + extensions.length,
    },
    affine,
    source,
  );
  const flag = new Uint8Array([extensions.length > 0 ? 1 : 0, 0, 0, 0]);
  const chunks = pieces([header, flag, extensions], volume.data);
  await writeAtomically(path, /\.gz$/i.test(path) ? gzipped(chunks) : chunks, signal);
}
