import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Contender } from './contender.js';
import { ownContender } from './own-contender.js';
import type { Settings } from './protocol.js';

/**
 * The model that settings name by its config, as a file: contenders then load weights as their users do, instead of
 * drawing them, which takes longer and more memory.
 *
 * @param folder of a run, where the files of earlier cases may lie
 * @returns the settings' `model`; nothing where they name one, or no config, or none that works
 */
export async function writeRandomWeights(
  { model, config, size }: Settings,
  folder: string,
  signal: AbortSignal,
): Promise<Settings> {
  if (model !== undefined || config === undefined) return {};
  const name = `${JSON.stringify(config)}-${size}`.replace(/[^\w.-]+/g, '_').slice(-100);
  const out = path.join(folder, `${name}.safetensors`);
  if ((await stat(out).catch(() => null)) === null) {
    // In a process of its own, whose memory goes with it.
    const settings = { config, out, ...(size === undefined ? {} : { size }) };
    const writer = new Contender(ownContender({ name: 'weights', workload: 'weights', settings }), signal);
    try {
      await writer.ask({ do: 'prepare', workload: 'weights', settings });
      await writer.ask({ do: 'repeat' });
    } catch {
      signal.throwIfAborted();
      return {}; // whoever loads such a model will say what is wrong with it
    } finally {
      await writer.close();
    }
  }
  return { model: out };
}
