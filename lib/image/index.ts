/** What the rest of the package uses of the image room; lib/index.ts re-exports the public part. */
export { affineSpacing, applyAffine, cornersApart } from './affine.js';
export { baseName, withoutEnding } from './base-name.js';
export { type ContactSheetOptions, contactSheet, encodeSheet } from './contact-sheet.js';
export { type ImageFormat, isPictureFormat, isVolumeFormat, wrongFormatError } from './formats.js';
export {
  CT_WINDOWS,
  type CtWindow,
  type IntensityRange,
  type IntensityWindow,
  type PercentileOptions,
  percentileRange,
  type ToUint8Options,
  toUint8,
  type Uint8Image,
  windowRange,
} from './intensity.js';
export { labelsOnGrid, PLACES_DIFFER, placesDiffer } from './label-grid.js';
export { type LabelNames, readLabelNames } from './label-names.js';
export { type LabelVolume, labelArray, readLabelVolume, toLabelVolume } from './labels.js';
export {
  type Orientation,
  orientationOf,
  parseOrientation,
  reorient,
  reorientGrid,
  restoreOrientation,
} from './orientation.js';
export { type OverlayOptions, renderOverlay, writeOverlay } from './overlay.js';
export { type ReadImageOptions, readImage } from './read-image.js';
export { readMask } from './read-mask.js';
export { type ReadVolumeOptions, readVolume } from './read-volume.js';
export { resampleLike } from './resample.js';
export {
  type Axis,
  displayFlips,
  emptyMaskLike,
  flipsOf,
  planeAxes,
  putSlice,
  sliceSize,
  type TakeSliceOptions,
  takeMaskSlice,
  takeSlice,
} from './slices.js';
export { isHalfOfPair, isMeantAsImage, isVolumePath, sniffFormat } from './sniff.js';
export type {
  Affine,
  Image2D,
  LabelMap2D,
  Mask2D,
  MaskVolume,
  PixelArray,
  Volume,
  VolumeSource,
  VoxelArray,
} from './types.js';
export { writeImage } from './write-image.js';
export { type WriteMaskOptions, writeMask } from './write-mask.js';
export { type VolumeData, type WriteVolumeOptions, writeVolume } from './write-volume.js';
