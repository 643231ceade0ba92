import type { Method } from '../baseline.js';
import { type ModelSource, modelAt } from '../run-folder/model-source.js';
import { UsageError } from './usage-error.js';

export interface ModelFlags {
  model?: string;
  config?: string;
  method?: Method;
  adapter?: string;
  imageSize?: number;
}

/**
 * Turns --model, --config, --method, --adapter and --image-size into what Segmenter.load takes. Flags that are given
 * win over what a run says.
 */
export async function resolveModel(flags: ModelFlags): Promise<ModelSource> {
  if (flags.method !== undefined && (flags.config !== undefined || flags.model === undefined)) {
    throw new UsageError('--method says what --model FILE holds; --config says the same of a SAM.');
  }
  const config = flags.config ?? flags.method;
  const explicit: ModelSource = {
    ...(config === undefined ? {} : { config }),
    ...(flags.adapter === undefined ? {} : { adapter: flags.adapter }),
    ...(flags.imageSize === undefined ? {} : { imageSize: flags.imageSize }),
  };
  if (flags.model === undefined) return explicit;
  return { ...(await modelAt(flags.model)), ...explicit };
}
