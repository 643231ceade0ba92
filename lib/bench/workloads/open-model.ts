import { runtimeInfo } from '../../inspect.js';
import type { LoadOptions } from '../../load-options.js';
import { Segmenter } from '../../segmenter.js';
import type { Settings, Values } from '../protocol.js';

/** The model that the settings name, on the CPU. */
export async function openModel(settings: Settings): Promise<Segmenter> {
  const { model, config, size, dtype = 'float32', threads = 0 } = settings;
  return await Segmenter.load({
    ...(model === undefined ? {} : { checkpoint: model }),
    ...(model !== undefined || config === undefined
      ? {}
      : { config: config as NonNullable<LoadOptions['config']> }),
    ...(size === undefined ? {} : { imageSize: size }),
    dtype,
    threads,
    device: 'cpu',
  });
}

/** What the answers of a model's workloads say of it. */
export function modelFacts({ info }: Segmenter): Values {
  const { torch, cpuCapability } = runtimeInfo();
  return {
    libtorch: torch,
    kernels: cpuCapability,
    threads: info.threads,
    parameters: info.parameters,
  };
}
