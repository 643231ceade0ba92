import type { NativePrompts } from '../types/native.js';
import { GmisegError } from './errors.js';
import { invalid, mismatch, requireKeys } from './validate.js';

/** A click, in (x, y) pixels of the original image. */
export interface Point {
  readonly x: number;
  readonly y: number;
  /** 1 (the default): on the object; 0: on the background. */
  readonly label?: 0 | 1;
}

/** Two corners in pixels of the original image, x0 < x1 and y0 < y1. */
export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

/**
 * What tells the object to segment. All of them together describe one object, except `boxes`, which stands
 * alone. Without any prompt the model segments what it thinks salient.
 */
export interface Prompts {
  readonly points?: readonly Point[];
  readonly box?: Box;
  /** Several objects in one call, one box each. */
  readonly boxes?: readonly Box[];
  /**
   * A mask to start from: a Uint8Array [height, width] of the image, 0 or not 0; or a Float32Array
   * [lowRes, lowRes] of logits, as an earlier answer's `lowRes` holds them.
   */
  readonly mask?: Uint8Array | Float32Array;
}

/** Prompts whose form is checked and whose arrays are our own; their place in an image is not checked yet. */
export interface PreparedPrompts {
  readonly points: readonly Required<Point>[];
  /** One a row; empty = none. */
  readonly boxes: readonly Box[];
  readonly mask?: Uint8Array | Float32Array;
  /** How messages call a box. */
  readonly boxName: (index: number) => string;
}

const KEYS = ['points', 'box', 'boxes', 'mask'];

/** Checks what can be checked without the image, and copies. @throws GmisegError ERR_INVALID_ARG */
export function preparePrompts(prompts: Prompts): PreparedPrompts {
  requireKeys('prompts', prompts, KEYS);
  const { points = [], box, boxes, mask } = prompts;
  if (!Array.isArray(points)) throw invalid('prompts.points', 'an array of { x, y, label }', points);
  if (boxes !== undefined) {
    if (!Array.isArray(boxes)) throw invalid('prompts.boxes', 'an array of [x0, y0, x1, y1]', boxes);
    if (boxes.length === 0) throw invalid('prompts.boxes', 'an array of at least one box', boxes);
    if (box !== undefined || points.length > 0 || mask !== undefined) {
      throw new GmisegError(
        'ERR_INVALID_ARG',
        'prompts.boxes means several objects and goes with no other prompt; predict one object at a time to ' +
          'combine a box with points or a mask.',
      );
    }
  }
  if (mask !== undefined && !(mask instanceof Uint8Array) && !(mask instanceof Float32Array)) {
    throw invalid(
      'prompts.mask',
      'a Uint8Array (binary mask) or a Float32Array (low-resolution logits)',
      mask,
    );
  }
  const boxName = (index: number): string => (boxes ? `prompts.boxes[${index}]` : 'prompts.box');
  return {
    points: points.map(checkPoint),
    boxes: (boxes ?? (box === undefined ? [] : [box])).map((each, index) => checkBox(each, boxName(index))),
    // Not slice(): a Buffer's gives a view.
    ...(mask && { mask: mask instanceof Uint8Array ? new Uint8Array(mask) : new Float32Array(mask) }),
    boxName,
  };
}

function checkPoint(point: Point, index: number): Required<Point> {
  const name = `prompts.points[${index}]`;
  requireKeys(name, point, ['x', 'y', 'label']);
  const { x, y, label = 1 } = point;
  if (!Number.isFinite(x)) throw invalid(`${name}.x`, 'a finite number', x);
  if (!Number.isFinite(y)) throw invalid(`${name}.y`, 'a finite number', y);
  if (label !== 0 && label !== 1) throw invalid(`${name}.label`, '1 (object) or 0 (background)', label);
  return { x, y, label };
}

function checkBox(box: Box, name: string): Box {
  if (!Array.isArray(box) || box.length !== 4 || !box.every(Number.isFinite)) {
    throw invalid(name, 'four finite numbers [x0, y0, x1, y1]', box);
  }
  const [x0, y0, x1, y1] = box;
  if (!(x0 < x1 && y0 < y1)) {
    throw mismatch(name, '[x0, y0, x1, y1] with x0 < x1 and y0 < y1', `[${box.join(', ')}]`);
  }
  return [x0, y0, x1, y1];
}

/**
 * The prompts for an image of this size, as the addon takes them.
 * @throws GmisegError ERR_INVALID_ARG (outside of the image), ERR_SHAPE (mask of another size)
 */
export function nativePrompts(
  prompts: PreparedPrompts,
  size: { readonly width: number; readonly height: number; readonly lowRes: number },
): NativePrompts {
  const { width, height, lowRes } = size;
  const { points, boxes, mask, boxName } = prompts;
  points.forEach(({ x, y }, index) => {
    if (x < 0 || y < 0 || x > width || y > height) {
      throw mismatch(
        `prompts.points[${index}]`,
        `inside the image of ${width} x ${height} pixels`,
        `(${x}, ${y})`,
      );
    }
  });
  boxes.forEach((box, index) => {
    const [x0, y0, x1, y1] = box;
    if (x1 <= 0 || y1 <= 0 || x0 >= width || y0 >= height) {
      throw mismatch(boxName(index), `on the image of ${width} x ${height} pixels`, `[${box.join(', ')}]`);
    }
  });
  const rows = Math.max(1, boxes.length);
  return {
    rows,
    pointsPerRow: points.length,
    ...(points.length > 0 && {
      points: Float32Array.from(points.flatMap(({ x, y }) => [x, y])),
      labels: Float32Array.from(points, ({ label }) => label),
    }),
    ...(boxes.length > 0 && { boxes: Float32Array.from(boxes.flat()) }),
    ...(mask instanceof Float32Array && {
      maskLogits: sized(mask, lowRes * lowRes, `${lowRes} x ${lowRes} logits`),
    }),
    ...(mask instanceof Uint8Array && {
      mask: sized(mask, width * height, `${width} x ${height} pixels, like the image`),
    }),
  };
}

function sized<T extends Uint8Array | Float32Array>(mask: T, length: number, what: string): T {
  if (mask.length === length) return mask;
  throw new GmisegError(
    'ERR_SHAPE',
    `prompts.mask must have ${length} elements (${what}), but has ${mask.length}.`,
    { details: { expected: length, found: mask.length } },
  );
}
