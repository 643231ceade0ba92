import { runtimeInfo } from '../../inspect.js';
import type { LoadOptions } from '../../load-options.js';
import { Segmenter } from '../../segmenter.js';
import type { Settings, Values } from '../protocol.js';

/** The model that the settings name. */
export async function openModel(settings: Settings): Promise<Segmenter> {
  const { model, config, size, dtype = 'float32', device = 'cpu', threads = 0 } = settings;
  return await Segmenter.load({
    ...(model === undefined ? {} : { checkpoint: model }),
    ...(model !== undefined || config === undefined
      ? {}
      : { config: config as NonNullable<LoadOptions['config']> }),
    ...(size === undefined ? {} : { imageSize: size }),
    dtype,
    threads,
    device: device as NonNullable<LoadOptions['device']>,
  });
}

/** The most that tensors have taken on the model's GPU, in MiB; nothing on the CPU, whose processes are watched. */
export function devicePeak({ info }: Segmenter): Values {
  const bytes = runtimeInfo().devices.find(({ id }) => id === info.device)?.peakBytes;
  return bytes === undefined ? {} : { devicePeakMib: bytes / 2 ** 20 };
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
