import { z } from 'zod';
import { GmisegError } from '../errors.js';
import { PASSES } from './fit.js';
import { LOOKS, SCALES, VIEWS } from './recipe.js';

/** The JSON of a task's file: everything but the native state and the examples' pixels. */

const axis = z.union([z.literal(0), z.literal(1), z.literal(2)]);
const fit = z.strictObject({
  engine: z.enum(['learned', 'training-free', 'threshold', 'copy', 'baseline']),
  output: z.enum(['mean', 'dense', 'refined']).optional(),
  location: z.number().optional(),
  temperature: z.number().optional(),
  scale: z.enum(SCALES).optional(),
  size: z.int().optional(),
  look: z.enum(LOOKS).optional(),
  cutoff: z.number().optional(),
  ensemble: z.int().optional(),
  subset: z.int().optional(),
  seed: z.int().optional(),
});
const recipe = z.strictObject({
  view: z.enum(VIEWS),
  first: fit,
  partner: fit.nullable(),
  second: fit.nullable(),
  flips: z.boolean(),
});
const label = z.strictObject({ value: z.int().min(1).max(255), name: z.string() });
const window = z.union([z.string(), z.tuple([z.number(), z.number()])]);

const schema = z.object({
  format: z.literal('gmiseg-task'),
  version: z.literal(1),
  /** The package's version that made it. */
  gmiseg: z.string(),
  /** When the task was defined, ISO 8601; kept when it is loaded and saved again. */
  created: z.string(),
  model: z.object({
    variant: z.string(),
    imageSize: z.int(),
    sha256: z.string().nullable(),
    adapter: z.string().nullable(),
  }),
  labels: z.array(label).min(1),
  channels: z.union([z.literal(1), z.literal(3)]),
  settings: z.object({
    engine: z.string(),
    output: z.string(),
    partner: z.string(),
    location: z.number().nullable(),
    temperature: z.number().nullable(),
    scale: z.string().default('auto'),
    cutoff: z.number().nullable().default(null),
    view: z.string(),
    inputSize: z.int().nullable().default(null),
    look: z.string().default('auto'),
    ensemble: z.int(),
    subset: z.int(),
    flips: z.boolean(),
    labels: z.array(label).nullable(),
    allLabels: z.boolean(),
    window: window.nullable(),
    volume: z.record(z.string(), z.unknown()),
    seed: z.int(),
  }),
  axes: z.array(axis).nullable(),
  sections: z
    .array(
      z.object({
        axis: axis.nullable(),
        labels: z.array(
          z.object({
            value: z.int(),
            recipe,
            parts: z.array(z.enum([...PASSES, ...PASSES.map((pass) => `${pass}-mirrored` as const)])),
            /** What was tried while choosing: mean Dice of so many examples left out. */
            trials: z.array(z.object({ recipe, dice: z.number().nullable(), examples: z.int() })),
          }),
        ),
      }),
    )
    .min(1),
  examples: z.array(
    z.object({
      name: z.string(),
      source: z.string(),
      group: z.string(),
      axis: axis.nullable(),
      index: z.int().nullable(),
      digest: z.string(),
      width: z.int().positive(),
      height: z.int().positive(),
      channels: z.union([z.literal(1), z.literal(3)]),
      sourceWidth: z.int().positive(),
      sourceHeight: z.int().positive(),
    }),
  ),
  /** What a user should know of an example's files. */
  warnings: z.array(z.object({ source: z.string(), message: z.string() })).default([]),
  /** Whether the examples' pixels are in the file. */
  withExamples: z.boolean(),
});

export type TaskMeta = z.infer<typeof schema>;

/** @throws GmisegError ERR_CHECKPOINT_FORMAT */
export function parseTaskMeta(json: unknown, path: string): TaskMeta {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const version = (json as { version?: unknown } | null)?.version;
  const newer = typeof version === 'number' && version > 1;
  throw new GmisegError(
    'ERR_CHECKPOINT_FORMAT',
    newer
      ? `${path} is a task of a later gmiseg (format ${version}); update the package, or define the task again.`
      : `${path} is no task file of gmiseg: ${z.prettifyError(parsed.error)}`,
    { cause: parsed.error, details: { path } },
  );
}
