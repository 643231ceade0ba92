import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { GmisegError } from '../errors.js';
import { isConfigName, type LoadOptions, toPath } from '../load-options.js';
import { writeFileAtomically } from '../write-file.js';

/** The file of a run folder that says what the run's model was loaded from. */
const RUN_SOURCE = 'source.json';

const sourceSchema = z.object({
  /** Absolute path; null where the run started from random weights. */
  checkpoint: z.string().nullable(),
  adapter: z.string().nullable(),
  /** What says the model's shape where the checkpoint does not: a name, an absolute path or the sizes themselves. */
  config: z.union([z.string(), z.looseObject({})]).optional(),
  /** Side of the model's input, if another than the checkpoint's. */
  imageSize: z.int().min(1).optional(),
  seed: z.int().min(0),
});

/** What a run's base model came from; the native side only knows its hash. */
export type RunSource = z.infer<typeof sourceSchema>;

const configSchema = z.looseObject({
  options: z.record(z.string(), z.unknown()),
  model: z.record(z.string(), z.unknown()),
});

/** What the trainer wrote about a run. */
export type RunConfig = z.infer<typeof configSchema>;

/** What to note of a model that these options loaded from `checkpoint`; null for random weights. */
export function runSource(
  { config, adapter, imageSize, seed = 0 }: LoadOptions,
  checkpoint: string | null,
): RunSource {
  const isPath = (typeof config === 'string' && !isConfigName(config)) || config instanceof URL;
  return {
    checkpoint: checkpoint === null ? null : toPath(checkpoint),
    adapter: adapter === undefined ? null : toPath(adapter),
    ...(config === undefined
      ? {}
      : { config: isPath ? toPath(config) : (config as string | Record<string, unknown>) }),
    ...(imageSize === undefined ? {} : { imageSize }),
    seed,
  };
}

/** Notes beside a run what its model was loaded from. */
export async function writeRunSource(folder: string, source: RunSource): Promise<void> {
  await writeFileAtomically(path.join(folder, RUN_SOURCE), `${JSON.stringify(source, null, 2)}\n`);
}

/** What a run's model was loaded from; null where nobody noted it. */
export async function readRunSource(folder: string): Promise<RunSource | null> {
  return await readJson(path.join(folder, RUN_SOURCE), sourceSchema);
}

/** The run's config.json; null where there is none. */
export async function readRunConfig(folder: string): Promise<RunConfig | null> {
  return await readJson(path.join(folder, 'config.json'), configSchema);
}

async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new GmisegError('ERR_IO', `Cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new GmisegError('ERR_CHECKPOINT_FORMAT', `${file} was not written by a training run of gmiseg.`, {
      cause,
    });
  }
}
