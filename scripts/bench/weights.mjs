import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run, tail } from '../lib/exec.mjs';
import { ROOT, say } from '../lib/project.mjs';
import { putInPlace, withLock, withScratch } from '../libtorch/cache.mjs';
import { peerFolder, weightsFolder } from './cache.mjs';

const PEERS = join(ROOT, 'scripts', 'bench', 'peers');

/**
 * The weights that all contenders of a case read: those of the settings' model, or random ones, which are kept for
 * the next run.
 *
 * @param {import('../../lib/bench/protocol.js').Settings} settings
 * @param {string} folder for what is not kept
 * @returns {Promise<string>} a folder with weights.safetensors
 */
export async function sharedWeights({ config, size, model }, folder) {
  const entry = model
    ? join(folder, 'weights')
    : join(weightsFolder(process.env), `${nameOf(config)}-${size}-${keyOf(config)}`);
  return await made(entry, 'weights.safetensors', async (scratch) => {
    const [raw, filled] = [join(scratch, 'raw.safetensors'), join(scratch, 'filled.safetensors')];
    const write = (/** @type {object} */ settings, /** @type {string} */ out) =>
      program(process.execPath, [join(PEERS, 'make-weights.mjs'), JSON.stringify(settings), out]);
    const out = join(scratch, 'weights.safetensors');
    if (model) return await write({ size, model }, out);
    await write({ config, size }, raw);
    await program(peerFolder(process.env).python, [join(PEERS, 'fill_weights.py'), raw, filled]);
    // As gmiseg writes it, with tensors that can be used where they lie in the file.
    await write({ size, model: filled }, out);
    for (const file of [raw, filled]) rmSync(file);
  });
}

/**
 * The config that gmiseg wrote into a file's header. The addon could tell as well, but it sets OMP_WAIT_POLICY, which
 * the peers would inherit.
 *
 * @param {string} file .safetensors
 * @returns {import('../../lib/load-options.js').ModelConfig}
 */
export function readConfig(file) {
  const handle = openSync(file, 'r');
  try {
    const length = Buffer.alloc(8);
    readSync(handle, length, 0, 8, 0);
    const header = Buffer.alloc(Number(length.readBigUInt64LE()));
    readSync(handle, header, 0, header.length, 8);
    return JSON.parse(JSON.parse(header.toString('utf8')).__metadata__['gmiseg.config']);
  } finally {
    closeSync(handle);
  }
}

/**
 * The encoder with these weights as an ONNX graph.
 *
 * @param {string} weights the folder of sharedWeights
 * @param {number} size side of the input
 * @returns {Promise<string>} the .onnx file
 */
export async function onnxEncoder(weights, size) {
  const folder = await made(`${weights}-onnx`, 'encoder.onnx', async (scratch) => {
    say('exporting the encoder to ONNX, which takes a minute');
    const { python } = peerFolder(process.env);
    const source = join(weights, 'weights.safetensors');
    await program(python, [
      join(PEERS, 'export_onnx.py'),
      source,
      String(size),
      join(scratch, 'encoder.onnx'),
    ]);
  });
  return join(folder, 'encoder.onnx');
}

/**
 * @param {string} entry the folder to make, unless it has `file`
 * @param {string} file
 * @param {(scratch: string) => Promise<void>} work
 */
async function made(entry, file, work) {
  mkdirSync(join(entry, '..'), { recursive: true });
  await withLock(entry, say, async () => {
    if (existsSync(join(entry, file))) return;
    await withScratch(entry, async (scratch) => {
      await work(scratch);
      putInPlace(scratch, entry);
    });
  });
  return entry;
}

/**
 * @param {string} command
 * @param {string[]} args
 */
async function program(command, args) {
  const { status, stderr } = await run(command, args);
  if (status !== 0) throw new Error(`${args[0]} failed: ${tail(stderr)}`);
}

/** @param {unknown} config */
function nameOf(config) {
  if (typeof config === 'string') return basename(config, '.json');
  return /** @type {{ method?: string }} */ (config).method ?? 'custom';
}

/** What decides the file: a config's content, how it is filled and written. @param {unknown} config */
function keyOf(config) {
  const content = typeof config === 'string' && existsSync(config) ? readFileSync(config, 'utf8') : config;
  const hash = createHash('sha256').update(JSON.stringify(content));
  for (const file of ['fill_weights.py', 'make-weights.mjs']) hash.update(readFileSync(join(PEERS, file)));
  return hash.digest('hex').slice(0, 12);
}
