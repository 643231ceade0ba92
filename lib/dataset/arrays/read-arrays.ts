import { GmisegError } from '../../errors.js';
import type { Volume } from '../../image/index.js';
import { readHdf5 } from './hdf5.js';
import type { NamedArray } from './named-array.js';
import { readNpz } from './npz.js';

/**
 * An image and its labels from one .npz or .h5 file, as volumes: `[height, width]` or `[slices, height, width]`.
 * Such files say nothing of voxel sizes; 1 mm stands for "unknown".
 * @throws GmisegError ERR_DATASET that names the file; ERR_IMAGE_FORMAT where h5wasm is not installed
 */
export async function readArrayVolumes(
  path: string,
  names: { readonly image: string; readonly label: string },
): Promise<{ image: Volume; label: Volume }> {
  try {
    const wanted = [names.image, names.label];
    const read = /\.npz$/i.test(path) ? readNpz : readHdf5;
    const [image, label] = (await read(path, wanted)) as [NamedArray, NamedArray];
    return { image: asVolume(image, path), label: asVolume(label, path) };
  } catch (cause) {
    if (cause instanceof GmisegError) throw cause;
    throw new GmisegError(
      'ERR_DATASET',
      `${path} ${(cause as Error).message}; download it again, or check the layout`,
      { cause, details: { path } },
    );
  }
}

function asVolume({ data, shape }: NamedArray, path: string): Volume {
  const [width, height, slices = 1, ...more] = [...shape].reverse();
  if (width === undefined || height === undefined || more.length > 0)
    throw new Error(`holds an array of ${shape.join(' x ')}; two or three axes are read`);
  return {
    data,
    shape: [width, height, slices],
    frames: 1,
    spacing: [1, 1, 1],
    affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    source: { format: 'memory', path, warnings: [] },
  };
}
