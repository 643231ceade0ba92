import type { LoadOptions } from '../load-options.js';
import type { RuntimeFlags } from './model-options.js';
import type { BoxArgument, PointArgument } from './parsers.js';
import type { ModelFlags } from './resolve-model.js';
import type { TaskFlags } from './task-flags.js';

/** The flags of `gmiseg predict`, parsed. */
export interface PredictFlags extends ModelFlags, RuntimeFlags, TaskFlags {
  image: string;
  out: string;
  point?: PointArgument[];
  box?: BoxArgument[];
  mask?: string;
  prompts?: string;
  boxFrom?: string;
  support?: string;
  task?: string;
  slice?: number;
  multimask?: boolean;
  overlay?: boolean;
  neighbours?: number;
  uncertainty?: boolean;
  dtype?: NonNullable<LoadOptions['dtype']>;
}
