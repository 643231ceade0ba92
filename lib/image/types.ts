/** Pictures and volumes in memory. Readers and writers of single formats live beside this file. */

/** What pixels and voxels may be held in. */
export type PixelArray = Uint8Array | Uint16Array | Int16Array | Float32Array;

/** A 2-D image, row-major, channels interleaved. */
export interface Image2D {
  /** [height, width, channels] */
  readonly data: PixelArray;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** Millimetres from row to row and from column to column; absent where nobody knows. */
  readonly spacing?: readonly [row: number, column: number];
}

/** A 2-D label map: whole numbers, 0 is background; row-major [height, width]. */
export interface LabelMap2D {
  readonly data: Uint8Array | Uint16Array | Int32Array;
  readonly width: number;
  readonly height: number;
}

/** A binary mask of a 2-D image: 0 or 1, row-major [height, width]. */
export interface Mask2D {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** 4 x 4, row-major: voxel (i, j, k, 1) to world (x, y, z, 1), RAS+, millimetres. */
export type Affine = readonly number[];

/** Voxel types a volume can hold; scaled values (scl_slope) come as Float32Array or Float64Array. */
export type VoxelArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/**
 * A volume on its source grid. The first axis is fastest, as in NIfTI:
 * voxel (i, j, k) of time point t lies at i + nx * (j + ny * (k + nz * t)).
 */
export interface Volume {
  readonly data: VoxelArray;
  /** Voxels along i, j, k. */
  readonly shape: readonly [number, number, number];
  /** Time points or channels; 1 for a plain volume. */
  readonly frames: number;
  /** The frames come in threes: red, green and blue of each time point. */
  readonly colour?: true;
  /** Millimetres along i, j, k: the norms of the affine's columns. */
  readonly spacing: readonly [number, number, number];
  readonly affine: Affine;
  /** What the file said, for writers that must give it back. Opaque to everybody else. */
  readonly source?: VolumeSource;
}

/** What a volume came from, so that a mask can carry the same geometry. */
export type VolumeSource = NiftiSource | ItkSource | PlainSource;

interface SourceNotes {
  readonly path?: string;
  /** Things a user should know: sform and qform disagree, shear, odd units, missing slices. */
  readonly warnings: readonly string[];
}

export interface NiftiSource extends SourceNotes {
  readonly format: 'nifti';
  /** The header's bytes as stored (348 or 540), in the file's byte order. */
  readonly header: Uint8Array;
  readonly littleEndian: boolean;
  /** Header extensions as stored: code and payload. */
  readonly extensions: readonly { readonly code: number; readonly data: Uint8Array }[];
}

/** A grid as ITK states it: LPS+, millimetres; `direction` is 3 x 3, row-major. */
export interface ItkGrid {
  readonly spacing: readonly [number, number, number];
  readonly origin: readonly [number, number, number];
  readonly direction: readonly number[];
}

export interface ItkSource extends SourceNotes {
  readonly format: 'nrrd' | 'metaimage' | 'dicom';
  readonly grid: ItkGrid;
  /** DICOM only. */
  readonly series?: DicomSeries;
}

/** A DICOM series: what a segmentation of it has to refer to. */
export interface DicomSeries {
  readonly uid: string;
  readonly modality: string;
  /** One file per slice, in the order of the volume's last axis. */
  readonly files: readonly string[];
  /** Study and instances have UIDs, which anonymisers may have removed. */
  readonly identified: boolean;
}

/** A page stack, or a volume that was turned: no header speaks of this grid. */
export interface PlainSource extends SourceNotes {
  readonly format: 'tiff' | 'memory';
}

/** A mask or label map on a volume's grid: whole numbers, 0 is background. Voxel order as in Volume. */
export interface MaskVolume {
  readonly data: VoxelArray;
  readonly shape: readonly [number, number, number];
}
