import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeVolume } from '../image/write-volume.js';
import { Random } from '../statistics/random.js';

/** Voxels along i, j, k. */
export type Shape = readonly [number, number, number];

/**
 * The ellipsoid with 0.4 of the sides as half-axes, first axis fastest.
 * @param shift voxels along each axis
 */
export function ellipsoid([nx, ny, nz]: Shape, shift: number): Uint8Array {
  const data = new Uint8Array(nx * ny * nz);
  for (let row = 0; row < ny * nz; row++) {
    const y = (row % ny) + 0.5 - ny / 2 - shift;
    const z = Math.floor(row / ny) + 0.5 - nz / 2 - shift;
    const rest = 1 - (y / (0.4 * ny)) ** 2 - (z / (0.4 * nz)) ** 2;
    if (rest <= 0) continue;
    const half = 0.4 * nx * Math.sqrt(rest);
    const middle = nx / 2 + shift;
    data.fill(1, row * nx + Math.ceil(middle - half), row * nx + Math.floor(middle + half));
  }
  return data;
}

/** An nnU-Net raw folder of `cases` compressed volumes: an ellipsoid on noise, 16 bits. */
export async function writeVolumes(folder: string, cases: number, shape: Shape): Promise<void> {
  for (const name of ['imagesTr', 'labelsTr']) await mkdir(path.join(folder, name), { recursive: true });
  const mask = ellipsoid(shape, 0);
  for (let at = 0; at < cases; at++) {
    const random = new Random(at);
    const data = Int16Array.from(mask, (label) => 200 + 700 * label + random.below(97));
    const name = `case${String(at).padStart(3, '0')}`;
    await writeVolume(path.join(folder, 'imagesTr', `${name}_0000.nii.gz`), { data, shape });
    await writeVolume(path.join(folder, 'labelsTr', `${name}.nii.gz`), { data: mask, shape });
  }
  const description = {
    channel_names: { 0: 'MRI' },
    labels: { background: 0, ellipsoid: 1 },
    numTraining: cases,
    file_ending: '.nii.gz',
  };
  await writeFile(path.join(folder, 'dataset.json'), JSON.stringify(description));
}
