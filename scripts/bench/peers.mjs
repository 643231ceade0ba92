import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, say } from '../lib/project.mjs';
import { peerFolder } from './cache.mjs';
import { onnxEncoder, readConfig, sharedWeights } from './weights.mjs';

/**
 * @typedef {import('../../lib/bench/suites/suite.js').BenchCase} BenchCase
 * @typedef {import('../../lib/bench/contender.js').ContenderSpec} ContenderSpec
 * @typedef {import('../../lib/bench/protocol.js').Settings} Settings
 * @typedef {import('../../lib/bench/protocol.js').DType} DType
 * @typedef {import('../../lib/bench/run-case.js').Additions} Additions
 */

const { drawPicture } = await import(join(ROOT, 'dist', 'bench', 'pictures.js'));
const { ellipsoid } = await import(join(ROOT, 'dist', 'bench', 'volumes.js'));

const { folder: PEER_FOLDER, python: PYTHON, node: NODE } = peerFolder(process.env);

/** Why there is nobody to compare with. @returns {string | undefined} */
export function missingPeers() {
  return existsSync(PYTHON) ? undefined : `${PEER_FOLDER} is not there; run \`node scripts/bench/setup.mjs\``;
}

/**
 * @param {string} name
 * @param {string} workload
 * @param {Settings} settings
 * @param {Partial<ContenderSpec>} [more]
 * @returns {ContenderSpec}
 */
function inPython(name, workload, settings, more) {
  return {
    name,
    command: PYTHON,
    args: [join(ROOT, 'scripts', 'bench', 'peers', 'contender.py')],
    // Nothing is looked for on the network.
    env: { HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error', PYTHONDONTWRITEBYTECODE: '1' },
    workload,
    settings,
    ...more,
  };
}

/**
 * SamModel with the attention that is its reference, and with the faster one.
 *
 * @param {string} workload
 * @param {DType} dtype
 */
function transformers(workload, dtype) {
  return ['eager', 'sdpa'].map((attention) =>
    inPython(
      `transformers ${attention} ${dtype}`,
      workload,
      { dtype, attention },
      { dtype, [attention === 'eager' ? 'reference' : 'alternative']: true },
    ),
  );
}

/**
 * @param {string} workload
 * @param {string} onnx
 * @returns {ContenderSpec}
 */
function onnxRuntime(workload, onnx) {
  return {
    name: 'onnxruntime-node float32',
    command: process.execPath,
    args: [join(ROOT, 'scripts', 'bench', 'peers', 'onnx.mjs')],
    env: { ONNXRUNTIME_FOLDER: NODE },
    workload,
    settings: { onnx },
    dtype: 'float32',
  };
}

/**
 * The roof for the encoder's linear layers.
 *
 * @param {import('../../lib/load-options.js').ModelConfig} config
 * @param {DType} dtype
 */
function probe(config, dtype) {
  const tokens = (config.image_size / config.patch_size) ** 2;
  const settings = { tokens, width: config.embed_dim, hidden: config.mlp_dim || 4 * config.embed_dim, dtype };
  return inPython(`matrix products ${dtype}`, 'gemm', settings, { dtype, probe: true });
}

/** @param {BenchCase} benchCase */
function onCpu({ settings: { device = 'cpu' } }) {
  return device === 'cpu';
}

/** @param {BenchCase} benchCase @returns {DType[]} */
function dtypesOf({ contenders }) {
  return [...new Set(contenders.map(({ dtype = 'float32' }) => dtype))];
}

/**
 * A case's model as file, if transformers has such models.
 *
 * @param {BenchCase} benchCase
 * @param {string} folder
 */
async function sharedSam({ title, settings }, folder) {
  const weights = await sharedWeights(settings, folder);
  const model = join(weights, 'weights.safetensors');
  const config = readConfig(model);
  if ((config.stem ?? []).length > 0 || config.dense_prompts || config.preprocessing !== 'sam') {
    say(`${title}: transformers has no such model; gmiseg is measured alone`);
    return undefined;
  }
  return { weights, model, config };
}

/** @type {Record<string, (benchCase: BenchCase, folder: string) => Promise<Additions>>} */
const JOIN = {
  async encode(benchCase, folder) {
    const sam = await sharedSam(benchCase, folder);
    if (!sam) return { settings: {}, contenders: [] };
    const dtypes = dtypesOf(benchCase);
    const { size = sam.config.image_size } = benchCase.settings;
    // onnxruntime-node's CUDA libraries come from a host of their own.
    const onnx =
      dtypes.includes('float32') && onCpu(benchCase) ? await onnxEncoder(sam.weights, size) : undefined;
    return {
      settings: { model: sam.model },
      contenders: [
        ...(benchCase.cold ? [] : dtypes.map((dtype) => probe(sam.config, dtype))),
        ...dtypes.flatMap((dtype) => transformers('encode', dtype)),
        ...(onnx ? [onnxRuntime('encode', onnx)] : []),
      ],
    };
  },

  async decode(benchCase, folder) {
    const sam = await sharedSam(benchCase, folder);
    if (!sam) return { settings: {}, contenders: [] };
    return {
      settings: { model: sam.model },
      contenders: dtypesOf(benchCase).flatMap((dtype) => transformers('decode', dtype)),
    };
  },

  async train(benchCase, folder) {
    const sam = await sharedSam(benchCase, folder);
    if (!sam) return { settings: {}, contenders: [] };
    return {
      settings: { model: sam.model },
      contenders: dtypesOf(benchCase).flatMap((dtype) => transformers('train', dtype)),
    };
  },

  async 'event-loop'(benchCase, folder) {
    const sam = await sharedSam(benchCase, folder);
    if (!sam || !onCpu(benchCase) || !dtypesOf(benchCase).includes('float32'))
      return { settings: {}, contenders: [] };
    const onnx = await onnxEncoder(sam.weights, benchCase.settings.size ?? sam.config.image_size);
    return { settings: { model: sam.model }, contenders: [onnxRuntime('event-loop', onnx)] };
  },

  async universeg({ settings }, folder) {
    const { n, size = 128 } = /** @type {Settings & { n: number }} */ (settings);
    const weights = await sharedWeights(settings, folder);
    const drawn = Array.from({ length: n + 1 }, (_, seed) => drawPicture(seed, size));
    const pictures = join(folder, 'pictures.u8');
    const masks = join(folder, 'masks.u8');
    writeFileSync(pictures, Buffer.concat(drawn.map(({ image }) => image)));
    writeFileSync(masks, Buffer.concat(drawn.slice(0, n).map(({ mask }) => mask)));
    const more = { dtype: /** @type {const} */ ('float32'), reference: true };
    return {
      settings: { model: join(weights, 'weights.safetensors') },
      contenders: [inPython('official formulation float32', 'universeg', { pictures, masks }, more)],
    };
  },

  async distances({ settings }, folder) {
    const { shape } = /** @type {Settings & { shape: [number, number, number] }} */ (settings);
    const mask = join(folder, 'mask.u8');
    writeFileSync(mask, ellipsoid(shape, 0));
    return { settings: {}, contenders: [inPython('SciPy', 'distances', { mask }, { reference: true })] };
  },
};

/** @type {import('../../lib/bench/run-bench.js').Peers} */
export const peers = {
  join: async (benchCase, folder) =>
    (await JOIN[benchCase.workload]?.(benchCase, folder)) ?? { settings: {}, contenders: [] },
};
