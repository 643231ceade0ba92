import { existsSync } from 'node:fs';

/** Any of these is there only where an NVIDIA driver is (the last one: Windows' Linux subsystem). */
const DRIVER_FILES = ['/proc/driver/nvidia/version', '/dev/nvidiactl', '/usr/lib/wsl/lib/libcuda.so.1'];

/**
 * `GMISEG_LIBTORCH` decides; without it CUDA only where it could be used.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {(path: string) => boolean} [exists]
 * @returns {{ flavour: import('./config.mjs').Flavour, asked: boolean }} asked: the user chose it
 */
export function chooseFlavour(env, exists = existsSync) {
  const asked = env.GMISEG_LIBTORCH;
  if (asked === 'cpu' || asked === 'cuda') return { flavour: asked, asked: true };
  if (asked) throw new Error(`GMISEG_LIBTORCH is "${asked}"; it may be "cpu" or "cuda", or unset.`);
  return { flavour: DRIVER_FILES.some((path) => exists(path)) ? 'cuda' : 'cpu', asked: false };
}
