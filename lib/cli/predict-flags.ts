import type { Axis, IntensityWindow } from '../image/index.js';
import type { LoadOptions } from '../load-options.js';
import type { RuntimeFlags } from './model-options.js';
import type { BoxArgument, PointArgument } from './parsers.js';
import type { ModelFlags } from './resolve-model.js';

/** The flags of `gmiseg predict`, parsed. */
export interface PredictFlags extends ModelFlags, RuntimeFlags {
  image: string;
  out: string;
  point?: PointArgument[];
  box?: BoxArgument[];
  mask?: string;
  prompts?: string;
  boxFrom?: string;
  label?: number;
  support?: string;
  task?: string;
  ensemble?: string;
  axis: Axis;
  slice?: number;
  window?: IntensityWindow;
  multimask?: boolean;
  overlay?: boolean;
  dtype?: NonNullable<LoadOptions['dtype']>;
  seed?: number;
}
