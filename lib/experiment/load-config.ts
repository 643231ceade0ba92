import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { GmisegError } from '../errors.js';
import { packageRoot } from '../package-root.js';
import { configSchema, type ExperimentConfig } from './config.js';
import type { ExperimentName } from './names.js';

/** Configs inside the package, by size of the machine. */
const SIZES = ['small', 'gpu', 'paper'];

type Json = Record<string, unknown>;

/**
 * An experiment's config: a JSON file, or `small`, `gpu` or `paper` for the package's own. `extends` names a file to start
 * from: `datasets` and `methods` of both are joined, anything else is replaced, and null takes an entry out.
 * @throws GmisegError ERR_IO where a file cannot be read, ERR_INVALID_ARG where it does not fit
 */
export async function loadConfig(file: string, experiment: ExperimentName): Promise<ExperimentConfig> {
  const source = SIZES.includes(file)
    ? path.join(packageRoot().path, 'experiments', file, `${experiment}.json`)
    : file;
  const json = await readLayers(source, []);
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) {
    throw new GmisegError('ERR_INVALID_ARG', `${source} does not fit:\n${z.prettifyError(parsed.error)}`, {
      cause: parsed.error,
      details: { path: source },
    });
  }
  return parsed.data;
}

async function readLayers(file: string, above: readonly string[]): Promise<Json> {
  const full = path.resolve(file);
  if (above.includes(full)) throw refused(file, 'extends itself');
  let text: string;
  try {
    text = await readFile(full, 'utf8');
  } catch (cause) {
    throw new GmisegError('ERR_IO', `The config ${file} cannot be read: ${(cause as Error).message}`, {
      cause,
      details: { path: file },
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw refused(file, `is not JSON: ${(cause as Error).message}`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw refused(file, 'must hold an object');
  const { extends: base, ...own } = json as Json;
  if (base === undefined) return own;
  if (typeof base !== 'string') throw refused(file, 'must name one file in "extends"');
  const below = await readLayers(path.resolve(path.dirname(full), base), [...above, full]);
  const joined: Json = { ...below, ...own };
  for (const key of ['datasets', 'methods']) joined[key] = join(below[key], own[key]);
  return joined;
}

function join(below: unknown, own: unknown): unknown {
  if (below === undefined || own === undefined) return own ?? below;
  const all = Object.entries({ ...(below as Json), ...(own as Json) });
  return Object.fromEntries(all.filter(([, value]) => value !== null));
}

function refused(file: string, why: string): GmisegError {
  return new GmisegError('ERR_INVALID_ARG', `The config ${file} ${why}.`, { details: { path: file } });
}
