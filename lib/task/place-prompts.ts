import type { NativePrompts } from '../../types/native.js';
import { GmisegError } from '../errors.js';
import { type Box, nativePrompts, type PreparedPrompts, type Prompts, preparePrompts } from '../prompts.js';
import { requireObject } from '../validate.js';
import type { FramedPicture } from './picture.js';
import type { Region } from './region.js';

/** Clicks and at most one box, in pixels of a square picture. */
export interface Clicks {
  readonly points: readonly { readonly x: number; readonly y: number; readonly label: 0 | 1 }[];
  readonly box: Box | null;
}

/** Checks prompts that correct a task's answer. @throws GmisegError ERR_INVALID_ARG */
function checkClicks(prompts: Prompts): PreparedPrompts | null {
  const prepared = preparePrompts(prompts);
  if (prepared.mask !== undefined || prepared.boxes.length > 1) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      'A task answers for all of its target at once: its prompts are points and one box. For masks and several ' +
        'boxes use segmenter.predict.',
    );
  }
  return prepared.points.length === 0 && prepared.boxes.length === 0 ? null : prepared;
}

/** From the source's pixels to those of the square picture. @throws GmisegError ERR_INVALID_ARG (outside) */
export function clicksOn(prompts: PreparedPrompts, picture: FramedPicture): Clicks {
  const { width, height, sourceWidth, sourceHeight } = picture;
  nativePrompts(prompts, { width: sourceWidth, height: sourceHeight, lowRes: 0 }); // says what lies outside
  const [scaleX, scaleY] = [width / sourceWidth, height / sourceHeight];
  const box = prompts.boxes[0];
  return {
    points: prompts.points.map(({ x, y, label }) => ({ x: x * scaleX, y: y * scaleY, label })),
    box: box === undefined ? null : [box[0] * scaleX, box[1] * scaleY, box[2] * scaleX, box[3] * scaleY],
  };
}

/** What of the clicks lies in a region, in its own pixels; null where nothing does. */
export function clicksIn(clicks: Clicks, region: Region, mirrored: boolean): NativePrompts | null {
  const { width, height } = region;
  const flip = (x: number): number => (mirrored ? width - x : x);
  const points = clicks.points
    .map(({ x, y, label }) => ({ x: x - region.x, y: y - region.y, label }))
    .filter(({ x, y }) => x >= 0 && y >= 0 && x <= width && y <= height)
    .map(({ x, y, label }) => ({ x: flip(x), y, label }));
  const box = clicks.box === null ? null : clip(clicks.box, region, flip);
  if (points.length === 0 && box === null) return null;
  return {
    rows: 1,
    pointsPerRow: points.length,
    ...(points.length > 0 && {
      points: Float32Array.from(points.flatMap(({ x, y }) => [x, y])),
      labels: Float32Array.from(points, ({ label }) => label),
    }),
    ...(box !== null && { boxes: Float32Array.from(box) }),
  };
}

function clip(
  [x0, y0, x1, y1]: Box,
  { x, y, width, height }: Region,
  flip: (x: number) => number,
): Box | null {
  const [left, right] = [Math.max(0, x0 - x), Math.min(width, x1 - x)];
  const [top, bottom] = [Math.max(0, y0 - y), Math.min(height, y1 - y)];
  if (!(left < right && top < bottom)) return null;
  const [a, b] = [flip(left), flip(right)];
  return [Math.min(a, b), top, Math.max(a, b), bottom];
}

/** Prompts of the only label, or of several by their values. */
export type TaskPrompts = Prompts | ReadonlyMap<number, Prompts> | Readonly<Record<number, Prompts>>;

/** The prompts of each label that has some. @throws GmisegError ERR_INVALID_ARG */
export function promptsByLabel(
  prompts: TaskPrompts | undefined,
  labels: readonly { readonly value: number }[],
): Map<number, PreparedPrompts> {
  const out = new Map<number, PreparedPrompts>();
  if (prompts === undefined) return out;
  requireObject('options.prompts', prompts);
  const values = labels.map(({ value }) => value);
  const byValue: [number, Prompts][] | null =
    prompts instanceof Map
      ? [...prompts]
      : Object.keys(prompts).some((key) => /^\d+$/.test(key))
        ? Object.entries(prompts).map(([value, each]) => [Number(value), each as Prompts])
        : null;
  if (byValue === null && labels.length > 1) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `The task has the labels ${values.join(', ')}; say which the prompts are for: prompts: { ${values[0]}: { points: [...] } }.`,
    );
  }
  for (const [value, each] of byValue ?? [[values[0] as number, prompts as Prompts]]) {
    if (!values.includes(value)) {
      throw new GmisegError(
        'ERR_INVALID_ARG',
        `options.prompts has label ${value}; the task has ${values.join(', ')}.`,
      );
    }
    const checked = checkClicks(each);
    if (checked !== null) out.set(value, checked);
  }
  return out;
}
