import { Random } from '../statistics/random.js';

/** A grey picture with a bright ellipse on noise, and its mask; the same for the same seed and size. */
export interface DrawnPicture {
  /** [size, size] */
  readonly image: Uint8Array;
  /** [size, size], 0 or 1 */
  readonly mask: Uint8Array;
}

export function drawPicture(seed: number, size: number): DrawnPicture {
  const random = new Random(seed);
  const within = (low: number, high: number): number => size * (low + (high - low) * random.next());
  const [x0, y0, a, b] = [within(0.35, 0.65), within(0.35, 0.65), within(0.15, 0.3), within(0.15, 0.3)];
  const image = new Uint8Array(size * size);
  const mask = new Uint8Array(size * size);
  for (let at = 0; at < image.length; at++) {
    const [x, y] = [at % size, Math.floor(at / size)];
    const inside = ((x - x0) / a) ** 2 + ((y - y0) / b) ** 2 <= 1;
    mask[at] = inside ? 1 : 0;
    image[at] = (inside ? 150 : 70) + Math.floor(40 * random.next());
  }
  return { image, mask };
}

/** Interleaved RGB that no two rows share: what is in a picture changes no cost. */
export function patternPicture(size: number): Uint8Array {
  return Uint8Array.from(
    { length: size * size * 3 },
    (_, at) => (7 * at + 13 * Math.floor(at / (3 * size))) % 256,
  );
}

/** Boxes of a quarter to a half of the side, all inside the picture. */
export function drawBoxes(count: number, size: number): [number, number, number, number][] {
  const random = new Random(count);
  return Array.from({ length: count }, () => {
    const [x, y] = [random.next() * size * 0.4, random.next() * size * 0.4];
    const [w, h] = [size * (0.25 + 0.25 * random.next()), size * (0.25 + 0.25 * random.next())];
    return [x, y, x + w, y + h];
  });
}
