import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { GmisegError } from '../errors.js';
import type { BoxArgument, PointArgument } from './parsers.js';
import { UsageError } from './usage-error.js';

/** Everything a user says about one picture or slice. Every box is one object; points go to the only object. */
export interface PromptSet {
  readonly points: readonly PointArgument[];
  readonly boxes: readonly BoxArgument[];
}

const pointSchema = z.union([
  z.tuple([z.number(), z.number()]),
  z.tuple([z.number(), z.number(), z.union([z.literal(0), z.literal(1)])]),
  z.object({ x: z.number(), y: z.number(), label: z.union([z.literal(0), z.literal(1)]).default(1) }),
]);

const promptSchema = z
  .strictObject({
    points: z.array(pointSchema).default([]),
    box: z.tuple([z.number(), z.number(), z.number(), z.number()]).optional(),
    boxes: z.array(z.tuple([z.number(), z.number(), z.number(), z.number()])).default([]),
  })
  .transform(({ points, box, boxes }) => ({
    points: points.map((point): PointArgument => {
      if (!Array.isArray(point)) return point;
      return { x: point[0], y: point[1], label: point[2] ?? 1 };
    }),
    boxes: box === undefined ? boxes : [box, ...boxes],
  }));

const fileSchema = z.strictObject({
  /** Slice number of a volume -> prompts. */
  slices: z.record(z.string().regex(/^\d+$/), promptSchema).optional(),
  /** Base name of a picture in a folder -> prompts. */
  images: z.record(z.string(), promptSchema).optional(),
});

/** The prompts of a --prompts file. */
export interface PromptFile {
  readonly slices: ReadonlyMap<number, PromptSet>;
  readonly images: ReadonlyMap<string, PromptSet>;
}

/**
 * Reads a prompt file: `{"slices": {"12": {"boxes": [[x0, y0, x1, y1]], "points":
 * [[x, y, 1]]}}}` for a volume, `{"images": {"NAME": {...}}}` for a folder of
 * pictures. Throws a UsageError that names the file and the place.
 */
export async function readPromptFile(file: string): Promise<PromptFile> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    if (cause instanceof SyntaxError)
      throw new UsageError(`--prompts ${file} is not valid JSON: ${cause.message}`);
    throw new GmisegError('ERR_IO', `Cannot read --prompts ${file}: ${(cause as Error).message}`, { cause });
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) {
    throw new UsageError(
      `--prompts ${file} does not fit {"slices": {"12": {"boxes": [[x0, y0, x1, y1]], "points": [[x, y, 1]]}}}: ${z.prettifyError(parsed.error)}`,
    );
  }
  return {
    slices: new Map(Object.entries(parsed.data.slices ?? {}).map(([index, set]) => [Number(index), set])),
    images: new Map(Object.entries(parsed.data.images ?? {})),
  };
}

/**
 * The objects that a prompt set asks for, each a prompt of Segmenter.predict.
 * Without a box the points describe one object; with one box they refine it.
 * Throws a UsageError for points beside several boxes, whose object nobody knows.
 */
export function objectsOf(set: PromptSet): { points?: PointArgument[]; box?: BoxArgument }[] {
  const points = [...set.points];
  if (set.boxes.length > 1 && points.length > 0) {
    throw new UsageError(
      'Points beside several boxes: which object do they belong to? Give one box, or no points.',
    );
  }
  if (set.boxes.length === 0) return points.length === 0 ? [] : [{ points }];
  return set.boxes.map((box) => (points.length > 0 ? { points, box } : { box }));
}
