import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

export type Shape3 = readonly [number, number, number];

/** A little-endian NIfTI-1 file written by hand: 16-bit or 8-bit voxels and a diagonal sform. */
export function niftiBytes(
  voxels: Int16Array | Uint8Array | Float32Array,
  shape: Shape3,
  spacing: Shape3 = [1, 1, 1],
  origin: Shape3 = [0, 0, 0],
): Buffer {
  const head = Buffer.alloc(352);
  const [datatype, bits] =
    voxels instanceof Uint8Array ? [2, 8] : voxels instanceof Int16Array ? [4, 16] : [16, 32];
  head.writeInt32LE(348, 0);
  [3, ...shape, 1, 1, 1, 1].forEach((size, at) => {
    head.writeInt16LE(size, 40 + 2 * at);
  });
  head.writeInt16LE(datatype, 70);
  head.writeInt16LE(bits, 72);
  [1, ...spacing, 0, 0, 0, 0].forEach((size, at) => {
    head.writeFloatLE(size, 76 + 4 * at);
  });
  head.writeFloatLE(352, 108);
  head.writeFloatLE(1, 112);
  head.writeUInt8(2, 123);
  head.writeInt16LE(1, 254);
  spacing.forEach((size, axis) => {
    head.writeFloatLE(size, 280 + 16 * axis + 4 * axis);
    head.writeFloatLE(origin[axis] as number, 280 + 16 * axis + 12);
  });
  head.write('n+1\0', 344, 'latin1');
  return Buffer.concat([head, Buffer.from(voxels.buffer, voxels.byteOffset, voxels.byteLength)]);
}

/** Calls back for every voxel, first axis fastest, as NIfTI stores them. */
export function fill(shape: Shape3, value: (i: number, j: number, k: number) => number): number[] {
  const out: number[] = [];
  for (let k = 0; k < shape[2]; k++)
    for (let j = 0; j < shape[1]; j++) for (let i = 0; i < shape[0]; i++) out.push(value(i, j, k));
  return out;
}

/** Two nested boxes: label 1 outside, label 2 in the core; clear of the borders. */
export function boxLabels(shape: Shape3): Uint8Array {
  const [ni, nj, nk] = shape;
  const within = (at: number, size: number, margin: number): boolean => at >= margin && at < size - margin;
  return Uint8Array.from(
    fill(shape, (i, j, k) => {
      const core = within(i, ni, 5) && within(j, nj, 5) && within(k, nk, 3);
      const shell = within(i, ni, 2) && within(j, nj, 2) && within(k, nk, 1);
      return core ? 2 : shell ? 1 : 0;
    }),
  );
}

/** A scan in which label 1 is brighter than the ground and label 2 brighter still; `seed` makes it its own. */
export function scanVoxels(labels: Uint8Array, seed = 0): Int16Array {
  return Int16Array.from(labels, (label, at) => 200 + 700 * label + ((at * 7919 + seed * 31) % 97));
}

/**
 * A small nnU-Net raw folder: `patientNNN_frame01|02`, anisotropic volumes, both frames of a patient the same.
 */
export async function writeNnunet(
  folder: string,
  { patients = 6, shape = [20, 24, 8] as Shape3, spacing = [1.5, 1.5, 6] as Shape3 } = {},
): Promise<void> {
  await mkdir(path.join(folder, 'imagesTr'), { recursive: true });
  await mkdir(path.join(folder, 'labelsTr'), { recursive: true });
  const labels = boxLabels(shape);
  for (let patient = 1; patient <= patients; patient++) {
    for (const frame of ['01', '02']) {
      const name = `patient${String(patient).padStart(3, '0')}_frame${frame}`;
      await writeFile(
        path.join(folder, 'imagesTr', `${name}_0000.nii.gz`),
        gzipSync(niftiBytes(scanVoxels(labels, patient), shape, spacing)),
      );
      await writeFile(
        path.join(folder, 'labelsTr', `${name}.nii.gz`),
        gzipSync(niftiBytes(labels, shape, spacing)),
      );
    }
  }
  await writeFile(
    path.join(folder, 'dataset.json'),
    JSON.stringify({
      channel_names: { 0: 'cine-MRI' },
      labels: { background: 0, wall: 1, cavity: 2 },
      numTraining: patients * 2,
      file_ending: '.nii.gz',
    }),
  );
}
