import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { boxLabels, niftiBytes, type Shape3, scanVoxels } from './tiny-dataset.js';

export const SHAPE: Shape3 = [20, 24, 8];

/** Writes a file and the folders above it; gzips where the name says so. */
export async function put(file: string, bytes: Buffer | string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, file.endsWith('.gz') ? gzipSync(bytes) : bytes);
}

/** A scan of two nested boxes as a file. */
export function scanBytes(seed: number, spacing: Shape3 = [1.5, 1.5, 6]): Buffer {
  return niftiBytes(scanVoxels(boxLabels(SHAPE), seed), SHAPE, spacing);
}

/** The labels of such a scan; `values` replaces 1 and 2. */
export function labelBytes(
  values: readonly [number, number] = [1, 2],
  spacing: Shape3 = [1.5, 1.5, 6],
  shape: Shape3 = SHAPE,
): Buffer {
  const labels = boxLabels(shape).map((label) => (label === 0 ? 0 : values[label - 1]!));
  return niftiBytes(labels, shape, spacing);
}

/** The two files of a NIfTI pair, or with `analyze` of an ANALYZE volume, which a NIfTI file holds in one. */
export function pairOf(nifti: Buffer, { analyze = false } = {}): { hdr: Buffer; img: Buffer } {
  const hdr = Buffer.from(nifti.subarray(0, 348));
  hdr.writeFloatLE(0, 108);
  hdr.write(analyze ? '\0\0\0\0' : 'ni1\0', 344, 'latin1');
  return { hdr, img: nifti.subarray(352) };
}

/** A gzipped NRRD volume as the LA 2018 challenge has them: bytes, 0.625 mm, left-posterior-superior. */
export function nrrdBytes(voxels: Uint8Array, shape: Shape3): Buffer {
  const head = [
    'NRRD0005',
    'type: unsigned char',
    'dimension: 3',
    'space: left-posterior-superior',
    `sizes: ${shape.join(' ')}`,
    'space directions: (0.625,0,0) (0,0.625,0) (0,0,0.625)',
    'kinds: domain domain domain',
    'encoding: gzip',
    'space origin: (0,0,0)',
  ];
  return Buffer.concat([Buffer.from(`${head.join('\n')}\n\n`), gzipSync(voxels)]);
}

interface PnmPicture {
  data: ArrayLike<number>;
  width: number;
  height: number;
  channels?: number;
}

/** A binary PGM or, with 3 channels, PPM, with a comment in its head, as old tools write them. */
export function pnmBytes({ data, width, height, channels = 1 }: PnmPicture): Buffer {
  return Buffer.concat([
    Buffer.from(`P${channels === 3 ? 6 : 5}\n# made by hand\n${width} ${height}\n255\n`),
    Uint8Array.from(data),
  ]);
}
