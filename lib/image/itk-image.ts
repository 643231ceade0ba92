import { GmisegError } from '../errors.js';
import { affineColumn, affineSpacing } from './affine.js';
import type { Affine, ItkGrid, MaskVolume, Volume, VoxelArray } from './types.js';

/** An image as the ITK-Wasm packages hand it over: first axis fastest, LPS, components interleaved. */
export interface ItkImage {
  readonly imageType: {
    readonly dimension: number;
    readonly componentType: string;
    readonly pixelType: string;
    readonly components: number;
  };
  readonly name: string;
  readonly size: number[];
  readonly spacing: number[];
  readonly origin: number[];
  /** Row-major; column c is the direction of axis c. */
  readonly direction: Float64Array;
  readonly data: VoxelArray | BigInt64Array | BigUint64Array | null;
  readonly metadata: Map<string, unknown>;
}

/** RAS+ and LPS+ differ in the sign of the first two world axes. */
const SIGN = [-1, -1, 1] as const;

function affineOf(grid: ItkGrid): Affine {
  const out: number[] = [];
  for (let r = 0; r < 3; r++) {
    // `+ 0` keeps negative zeros out.
    for (let c = 0; c < 3; c++) out.push(SIGN[r]! * grid.direction[3 * r + c]! * grid.spacing[c]! + 0);
    out.push(SIGN[r]! * grid.origin[r]! + 0);
  }
  return [...out, 0, 0, 0, 1];
}

/** The grid of an image of two, three or four axes as one of three. */
function gridOf({ imageType, spacing, origin, direction }: ItkImage): ItkGrid {
  const n = imageType.dimension;
  const at = (values: ArrayLike<number>, i: number, otherwise: number): number =>
    i < n ? (values[i] ?? otherwise) : otherwise;
  return {
    spacing: [at(spacing, 0, 1), at(spacing, 1, 1), at(spacing, 2, 1)],
    origin: [at(origin, 0, 0), at(origin, 1, 0), at(origin, 2, 0)],
    direction: Array.from({ length: 9 }, (_, i) => {
      const [r, c] = [Math.floor(i / 3), i % 3];
      return r < n && c < n ? (direction[n * r + c] ?? 0) : r === c ? 1 : 0;
    }),
  };
}

function numbers(data: ItkImage['data'], path: string): VoxelArray {
  if (data === null)
    throw new GmisegError('ERR_IMAGE_FORMAT', `${path} holds no voxels; copy or download it again`, {
      details: { path },
    });
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number);
  return data;
}

/** Interleaved components to one plane each. */
function planes(data: VoxelArray, components: number): VoxelArray {
  if (components === 1) return data;
  const out = new (data.constructor as Float32ArrayConstructor)(data.length) as VoxelArray;
  const count = data.length / components;
  for (let c = 0, at = 0; c < components; c++) {
    for (let i = c; i < data.length; i += components) out[at++] = data[i]!;
  }
  if (!Number.isInteger(count)) throw new GmisegError('ERR_INTERNAL', 'Components without a voxel.');
  return out;
}

/**
 * An ITK image as a volume: RAS+, millimetres, one frame per component or fourth axis.
 * @throws GmisegError ERR_IMAGE_FORMAT where there are more than four axes or no voxels
 */
export function volumeFromItk(
  image: ItkImage,
  path: string,
  source: { format: 'nrrd' | 'metaimage' | 'dicom'; warnings?: readonly string[] },
): Volume {
  const { size, imageType } = image;
  if (size.length < 2 || size.length > 4)
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} has ${size.length} axes; two to four are read. Save one volume per file`,
      { details: { path, size } },
    );
  const shape = [size[0]!, size[1]!, size[2] ?? 1] as const;
  const frames = (size[3] ?? 1) * imageType.components;
  const stored = numbers(image.data, path);
  const expected = shape[0] * shape[1] * shape[2] * frames;
  if (stored.length !== expected)
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} is cut short: its header calls for ${expected} values, ${stored.length} are there; copy or download it again`,
      { details: { path, have: stored.length, need: expected } },
    );
  const colour = imageType.components === 3 && stored instanceof Uint8Array;
  const grid = gridOf(image);
  const affine = affineOf(grid);
  return {
    data: planes(stored, imageType.components),
    shape,
    frames,
    spacing: affineSpacing(affine),
    affine,
    ...(colour ? { colour: true as const } : {}),
    source: { format: source.format, path, grid, warnings: source.warnings ?? [] },
  };
}

const COMPONENT_TYPES: readonly [new (length: number) => VoxelArray, string][] = [
  [Uint8Array, 'uint8'],
  [Int8Array, 'int8'],
  [Uint16Array, 'uint16'],
  [Int16Array, 'int16'],
  [Uint32Array, 'uint32'],
  [Int32Array, 'int32'],
  [Float32Array, 'float32'],
  [Float64Array, 'float64'],
];

/** A mask on the grid of `like` as an ITK image. Where `like` came through ITK its own numbers are kept. */
export function maskToItk(mask: MaskVolume, like: Volume): ItkImage {
  const componentType = COMPONENT_TYPES.find(([Type]) => mask.data instanceof Type)?.[1] ?? 'float64';
  const { source } = like;
  const known = source !== undefined && 'grid' in source ? source.grid : undefined;
  const grid = known ?? gridFromAffine(like.affine);
  return {
    imageType: { dimension: 3, componentType, pixelType: 'Scalar', components: 1 },
    name: 'mask',
    size: [...mask.shape],
    spacing: [...grid.spacing],
    origin: [...grid.origin],
    direction: Float64Array.from(grid.direction),
    data: mask.data,
    metadata: new Map(),
  };
}

function gridFromAffine(affine: Affine): ItkGrid {
  const spacing = affineSpacing(affine);
  const direction = new Array<number>(9).fill(0);
  for (const c of [0, 1, 2] as const) {
    const column = affineColumn(affine, c);
    for (let r = 0; r < 3; r++) direction[3 * r + c] = (SIGN[r]! * column[r]!) / spacing[c] + 0;
  }
  return {
    spacing,
    origin: [-affine[3]! + 0, -affine[7]! + 0, affine[11]!],
    direction,
  };
}
