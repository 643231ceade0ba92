import path from 'node:path';
import { z } from 'zod';
import { GmisegError } from '../errors.js';
import { writeFileAtomically } from '../write-file.js';
import { instanceFor, type MethodInstance } from './method-instance.js';
import { readJson } from './read-json.js';
import type { RunContext } from './run-context.js';
import type { TestTask } from './test-task.js';

/** One method asked for one task: the queries of the task, from one support set or from boxes. */
export interface Unit {
  /** A path of file names below `results/`; the same in every run. */
  readonly id: string;
  readonly instance: MethodInstance;
  readonly task: TestTask;
  /** What the method goes by: `support`, examples alone; `boxes`, taken from the queries' truth. */
  readonly protocol: 'support' | 'boxes';
  /** Size of the support set; 0 with boxes, and of a method that does not look at examples. */
  readonly n: number;
  readonly draw: number;
  readonly ensemble: number;
  /** So many of the queries keep their mask. */
  readonly pictures: number;
}

/**
 * The unit of a support set. There is but one where draws make no difference: a pool that is not larger is taken whole,
 * and some methods do not look at examples.
 */
export function supportUnit(
  instance: MethodInstance,
  task: TestTask,
  {
    n,
    draw,
    ensemble = 1,
    pictures = 0,
  }: {
    readonly n: number;
    readonly draw: number;
    readonly ensemble?: number;
    readonly pictures?: number;
  },
): Unit {
  const most = instance.readsExamples ? task.pool.length : 0;
  const size = Math.min(n, most);
  const [drawn, members] = n >= most ? [0, 1] : [draw, ensemble];
  const suffix = members > 1 ? `-e${members}` : '';
  return {
    id: `${instance.id}/${task.id}/n${size}-d${drawn}${suffix}`,
    instance: instanceFor(instance, task),
    task,
    protocol: 'support',
    n: size,
    draw: drawn,
    ensemble: members,
    pictures,
  };
}

export function boxUnit(instance: MethodInstance, task: TestTask): Unit {
  const id = `${instance.id}/${task.id}/boxes`;
  return { id, instance, task, protocol: 'boxes', n: 0, draw: 0, ensemble: 1, pictures: 0 };
}

/** Of result files; the first had no surface distances. */
export const RESULT_SCHEMA = 2;

const resultSchema = z.object({
  schema: z.literal(RESULT_SCHEMA),
  unit: z.string(),
  protocol: z.enum(['support', 'boxes']),
  method: z.string(),
  seed: z.number().nullable(),
  task: z.string(),
  n: z.number(),
  draw: z.number(),
  ensemble: z.number(),
  supports: z.array(z.string()),
  /** What the method chose for the task. */
  recipe: z.string(),
  queries: z.array(
    z.object({
      name: z.string(),
      subject: z.string(),
      scores: z.object({ dice: z.number(), jaccard: z.number(), assd: z.number() }),
      /** Of `assd`. */
      unit: z.enum(['mm', 'px']),
      empty: z.enum(['none', 'both', 'prediction', 'truth']),
      /** PNG, base64 */
      mask: z.string().optional(),
    }),
  ),
  seconds: z.number(),
  device: z.string(),
});

/** What told results of the first version: the same without `schema`. */
const earlierSchema = z.strictObject({
  ...resultSchema.omit({ schema: true }).shape,
  queries: z.array(z.looseObject({ scores: z.record(z.string(), z.number().nullable()) })),
});

/** What came of a unit. */
export type UnitResult = z.infer<typeof resultSchema>;

function fileOf({ out }: Pick<RunContext, 'out'>, { id }: Unit): string {
  return path.join(out, 'results', `${id}.json`);
}

/**
 * Null where the unit is not done.
 * @throws GmisegError ERR_INVALID_ARG where an earlier version wrote the result, ERR_IO where it is damaged
 */
export async function readResult(context: Pick<RunContext, 'out'>, unit: Unit): Promise<UnitResult | null> {
  const file = fileOf(context, unit);
  const found = await readJson(file, z.union([resultSchema, earlierSchema]));
  if (found === null || 'schema' in found) return found;
  throw new GmisegError(
    'ERR_INVALID_ARG',
    `${file} was written by an earlier version, which measured no surface distances. Remove ` +
      `${path.join(context.out, 'results')} to have its units done again (trainings are kept), or name another --out.`,
    { details: { path: file } },
  );
}

export async function writeResult(context: RunContext, unit: Unit, result: UnitResult): Promise<void> {
  await writeFileAtomically(fileOf(context, unit), `${JSON.stringify(result, null, 1)}\n`);
}
