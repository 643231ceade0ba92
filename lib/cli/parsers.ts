// Not through the index, which loads every picture format.
import { CT_WINDOWS, type CtWindow, type IntensityWindow } from '../image/intensity.js';
import type { Axis } from '../image/slices.js';
import { UsageError } from './usage-error.js';

/** Makes a commander parser for a whole number in a range. */
export function integer(flag: string, low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < low || value > high) {
      const range = high === Number.MAX_SAFE_INTEGER ? `from ${low}` : `from ${low} to ${high}`;
      throw new UsageError(`${flag} ${text}: give a whole number ${range}.`);
    }
    return value;
  };
}

/** A commander parser for --val-every: with 1 nobody would be left to train on. */
export function validateEvery(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0 || value === 1)
    throw new UsageError(`--val-every ${text}: give 0 for none, or a whole number from 2.`);
  return value;
}

/** Makes a commander parser for a number in a range, ends included. */
export function decimal(flag: string, low: number, high = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < low || value > high) {
      throw new UsageError(
        `${flag} ${text}: give a number ${high === Infinity ? `from ${low}` : `from ${low} to ${high}`}.`,
      );
    }
    return value;
  };
}

const UNITS: Readonly<Record<string, number>> = {
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
};

/** Makes a commander parser for a size with its unit: `8GiB`, `500 MB`. */
export function size(flag: string): (text: string) => number {
  return (text) => {
    const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([KMG]i?B)\s*$/i.exec(text) ?? [];
    const factor = UNITS[unit?.toUpperCase() ?? ''];
    if (number === undefined || factor === undefined)
      throw new UsageError(`${flag} ${text}: give a size with its unit, such as 8GiB or 500MB.`);
    return Math.round(Number(number) * factor);
  };
}

/** A click: pixel column, pixel row, 1 = inside (default), 0 = outside. */
export interface PointArgument {
  x: number;
  y: number;
  label: 0 | 1;
}

/** `x,y` or `x,y,0|1`; repeatable. */
export function collectPoint(text: string, earlier: PointArgument[] = []): PointArgument[] {
  const [x, y, label = 1, ...rest] = numbers(text);
  if (x === undefined || y === undefined || rest.length > 0 || (label !== 0 && label !== 1)) {
    throw new UsageError(`--point ${text}: give x,y or x,y,1 (inside) or x,y,0 (outside), in pixels.`);
  }
  return [...earlier, { x, y, label }];
}

export type BoxArgument = [x0: number, y0: number, x1: number, y1: number];

/** `x0,y0,x1,y1`; repeatable. */
export function collectBox(text: string, earlier: BoxArgument[] = []): BoxArgument[] {
  const [x0, y0, x1, y1, ...rest] = numbers(text);
  if (x0 === undefined || y0 === undefined || x1 === undefined || y1 === undefined || rest.length > 0) {
    throw new UsageError(`--box ${text}: give x0,y0,x1,y1 in pixels.`);
  }
  if (x1 <= x0 || y1 <= y0) throw new UsageError(`--box ${text}: x1 must be above x0, and y1 above y0.`);
  return [...earlier, [x0, y0, x1, y1]];
}

/** `0,2` or `i,k`: axes of a volume. */
export function axes(text: string): Axis[] {
  const list = text.split(',').map((part) => {
    const at = ['0', '1', '2'].indexOf(part.trim());
    return at >= 0 ? at : ['i', 'j', 'k'].indexOf(part.trim().toLowerCase());
  });
  if (list.length === 0 || list.some((axis) => axis < 0)) {
    throw new UsageError(`"${text}": give axes as 0, 1, 2 (or i, j, k), separated by commas.`);
  }
  return [...new Set(list)].sort() as Axis[];
}

/** One axis. */
export function oneAxis(text: string): Axis {
  const list = axes(text);
  if (list.length !== 1) throw new UsageError(`--axis ${text}: give one of 0, 1, 2.`);
  return list[0] as Axis;
}

/** `128=cytoplasm,255=nucleus`. */
export function labelNames(text: string): Map<number, string> {
  const table = new Map<number, string>();
  for (const part of text.split(',')) {
    const match = /^\s*(\d+)\s*=\s*(.+?)\s*$/.exec(part);
    const value = Number(match?.[1]);
    if (match === null || !(value >= 1 && value <= 255)) {
      throw new UsageError(`--labels ${text}: give GREY=NAME pairs, for example 128=cytoplasm,255=nucleus.`);
    }
    table.set(value, match[2] as string);
  }
  return table;
}

/** Of CT presets, for help. */
export const WINDOW_NAMES = Object.keys(CT_WINDOWS).join(', ');

/** What --window takes, for help. */
export const WINDOW_HELP = `grey values that become black and white: LO,HI, percentile (default), or a CT window: ${WINDOW_NAMES}`;

/** `-160,240`, a CT preset's name, or `percentile`. */
export function intensityWindow(text: string): IntensityWindow {
  if (text === 'percentile') return text;
  if (Object.hasOwn(CT_WINDOWS, text)) return text as CtWindow;
  const [low, high, ...rest] = numbers(text);
  if (low === undefined || high === undefined || rest.length > 0 || !(low < high)) {
    throw new UsageError(
      `--window ${text}: give LO,HI with LO below HI (for example -160,240), percentile, or one of ${WINDOW_NAMES}.`,
    );
  }
  return [low, high];
}

/** A regular expression. */
export function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--subject ${text}: ${(error as Error).message}`);
  }
}

/** For options that may be given several times. */
export function collect(text: string, earlier: string[] = []): string[] {
  return [...earlier, text];
}

function numbers(text: string): number[] {
  const list = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  return list.every(Number.isFinite) ? list : [];
}
