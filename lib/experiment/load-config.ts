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
 * from: `datasets`, `methods` and `templates` of both are joined, anything else is replaced, and null takes an entry out.
 * A method that is `like` a template has what that one has and it has not, `train` and `task` option by option.
 * @throws GmisegError ERR_IO where a file cannot be read, ERR_INVALID_ARG where it does not fit
 */
export async function loadConfig(file: string, experiment: ExperimentName): Promise<ExperimentConfig> {
  const source = SIZES.includes(file)
    ? path.join(packageRoot().path, 'experiments', file, `${experiment}.json`)
    : file;
  const json = fillIn(await readLayers(source, []), source);
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
  if (!isObject(json)) throw refused(file, 'must hold an object');
  const { extends: base, ...own } = json;
  if (base === undefined) return own;
  if (typeof base !== 'string') throw refused(file, 'must name one file in "extends"');
  const below = await readLayers(path.resolve(path.dirname(full), base), [...above, full]);
  const joined: Json = { ...below, ...own };
  for (const key of ['datasets', 'methods', 'templates']) joined[key] = join(below[key], own[key]);
  return joined;
}

function join(below: unknown, own: unknown): unknown {
  if (below === undefined || own === undefined) return own ?? below;
  const all = Object.entries({ ...(below as Json), ...(own as Json) });
  return Object.fromEntries(all.filter(([, value]) => value !== null));
}

/** Every method with what its template gives; the templates themselves are gone. */
function fillIn({ templates, ...config }: Json, file: string): Json {
  // What is not an object is the schema's to refuse.
  if (!isObject(config.methods)) return config;
  const methods = Object.entries(config.methods).map(([key, method]) => {
    if (!isObject(method) || method.like === undefined) return [key, method];
    const { like, ...own } = method;
    const template = isObject(templates) && typeof like === 'string' ? templates[like] : undefined;
    if (!isObject(template))
      throw refused(
        file,
        `has a method ${key} like ${JSON.stringify(like)}, which "templates" does not have`,
      );
    const filled: Json = { ...template, ...own };
    for (const options of ['train', 'task']) {
      if (isObject(template[options]) && isObject(own[options]))
        filled[options] = { ...template[options], ...own[options] };
    }
    return [key, filled];
  });
  return { ...config, methods: Object.fromEntries(methods) };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(file: string, why: string): GmisegError {
  return new GmisegError('ERR_INVALID_ARG', `The config ${file} ${why}.`, { details: { path: file } });
}
