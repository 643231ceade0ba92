import type { TaskExample } from '../../task/example.js';
import { drawPicture } from '../pictures.js';

/** The first `count` drawn pictures with their masks. */
export function examplesOf(count: number, size: number): TaskExample[] {
  return Array.from({ length: count }, (_, seed) => {
    const { image, mask } = drawPicture(seed, size);
    return {
      image: { data: image, width: size, height: size, channels: 1 as const },
      mask: { data: mask, width: size, height: size },
    };
  });
}
