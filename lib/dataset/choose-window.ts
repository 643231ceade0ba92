import type { VoxelArray } from '../image/index.js';
import { CT_WINDOWS, type IntensityWindow } from '../image/intensity.js';

/** `auto`: what the layout or the modality suggests. */
export type WindowChoice = IntensityWindow | 'auto';

/** Hounsfield scans hold air; values that never get near it were rescaled by somebody. */
const AIR = -200;

/**
 * The window of a channel: the user's; else the layout's; else the soft-tissue window for CT in Hounsfield units;
 * else undefined, which means percentiles (and 8-bit pictures as they are).
 */
export function chooseWindow(
  data: VoxelArray,
  modality: string,
  chosen: WindowChoice,
  suggested?: IntensityWindow,
): IntensityWindow | undefined {
  if (chosen !== 'auto') return chosen;
  if (suggested !== undefined) return suggested;
  if (/(^|[^a-z])ct([^a-z]|$)/i.test(modality) && !(data instanceof Uint8Array)) {
    for (let i = 0; i < data.length; i++) if (data[i]! < AIR) return CT_WINDOWS['soft-tissue'];
  }
  return undefined;
}
