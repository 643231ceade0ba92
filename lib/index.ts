/** The public names of gmiseg. Importing this does not load LibTorch; the first use does. */
export type { BaselineConfig, Method } from './baseline.js';
export type { SlicePolicy } from './dataset/slicing.js';
export { Embedding } from './embedding.js';
export { ERROR_CODES, type ErrorCode, GmisegError } from './errors.js';
export { type EvaluateOptions, type Evaluation, evaluate, type LabelScores } from './evaluate.js';
export type { Counts, EmptyMasks, Scores, Volumes } from './evaluation/scores.js';
export {
  type Affine,
  type Axis,
  CT_WINDOWS,
  type CtWindow,
  type Image2D,
  type IntensityRange,
  type IntensityWindow,
  type LabelMap2D,
  type Mask2D,
  type MaskVolume,
  type Orientation,
  orientationOf,
  type PixelArray,
  type ReadImageOptions,
  type ReadVolumeOptions,
  readImage,
  readVolume,
  reorient,
  restoreOrientation,
  type TakeSliceOptions,
  type ToUint8Options,
  takeSlice,
  toUint8,
  type Uint8Image,
  type Volume,
  type VolumeSource,
  type VoxelArray,
  type WriteMaskOptions,
  writeMask,
} from './image/index.js';
export type { ImageInput } from './image-input.js';
export { type CheckpointInfo, inspectCheckpoint, type RuntimeInfo, runtimeInfo } from './inspect.js';
export type { LoadOptions, LoadProgress, ModelConfig, Variant } from './load-options.js';
export type { Box, Point, Prompts } from './prompts.js';
export {
  type EncodeOptions,
  type JobOptions,
  type Prediction,
  type PredictOptions,
  type SaveOptions,
  Segmenter,
  type SegmenterInfo,
} from './segmenter.js';
export type { ExampleReport, LabelReport, TaskReport } from './task/check.js';
export type { MaskInput, TaskExample } from './task/example.js';
export type { CurvePoint } from './task/learning-curve.js';
export type { Misfit } from './task/misfits.js';
export type { EngineChoice, TaskOptions, TaskProgress } from './task/options.js';
export type { TaskPrompts } from './task/place-prompts.js';
export type { TaskPredictOptions } from './task/predict-options.js';
export type { Look, View } from './task/recipe.js';
export type { PictureResult, VolumeResult } from './task/result.js';
export type { VolumeOptions } from './task/slices-of-volume.js';
export type { TaskLabel } from './task/state.js';
export type { TaskCheckOptions, TaskInfo, TaskSaveOptions } from './task.js';
export { Task } from './task.js';
export type { AdapterOptions, BaselineOptions, TaskEncoderOptions, TrainOptions } from './train-options.js';
export type { StepReport, Training, TrainStep, TrainSummary, ValidationReport } from './training.js';
