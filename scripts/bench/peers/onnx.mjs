// onnxruntime-node as a contender: answers the requests of lib/bench/protocol.ts. ONNXRUNTIME_FOLDER names the folder
// whose node_modules has it.
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../../lib/project.mjs';

const load = createRequire(join(process.env.ONNXRUNTIME_FOLDER ?? '', 'package.json'));
const ort = load('onnxruntime-node');
const { version } = load('onnxruntime-node/package.json');
const { peakMemory } = await import(join(ROOT, 'dist', 'bench', 'peak-memory.js'));
const { timed } = await import(join(ROOT, 'dist', 'bench', 'workloads', 'workload.js'));
const { statDelays } = await import(join(ROOT, 'dist', 'bench', 'stat-delays.js'));

const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];

/**
 * Interleaved 8-bit RGB as the encoder takes it.
 *
 * @param {Uint8Array} picture
 * @param {number} size
 */
function prepared(picture, size) {
  const plane = size * size;
  const pixels = new Float32Array(3 * plane);
  for (let channel = 0; channel < 3; channel++) {
    const [mean, deviation] = [MEAN[channel] ?? 0, DEVIATION[channel] ?? 1];
    for (let at = 0; at < plane; at++)
      pixels[channel * plane + at] = ((picture[3 * at + channel] ?? 0) / 255 - mean) / deviation;
  }
  return new ort.Tensor('float32', pixels, [1, 3, size, size]);
}

/** @param {any} settings */
async function open(settings) {
  const session = await ort.InferenceSession.create(settings.onnx, {
    ...(settings.threads ? { intraOpNumThreads: settings.threads } : {}),
  });
  const picture = new Uint8Array(await readFile(settings.image));
  return {
    facts: { onnxruntime: version, threads: settings.threads },
    /** @returns {Promise<Float32Array>} */
    encode: async () => (await session.run({ pixels: prepared(picture, settings.size) })).embedding.data,
    file: settings.image,
    jobs: settings.n ?? 1,
  };
}

/** @type {Awaited<ReturnType<typeof open>>} */
let model;
let workload = '';

/** @param {string | undefined} save */
async function repeat(save) {
  if (workload === 'event-loop') {
    return await statDelays(model.file, () => Promise.all(Array.from({ length: model.jobs }, model.encode)));
  }
  const { seconds, value } = await timed(model.encode);
  if (save) writeFileSync(save, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  return { seconds };
}

/** @param {any} request */
async function obey(request) {
  if (request.do !== 'prepare') return await repeat(request.save);
  const { seconds, value } = await timed(() => open(request.settings));
  model = value;
  workload = request.workload;
  return { ...value.facts, seconds };
}

for await (const line of createInterface({ input: process.stdin })) {
  /** @type {unknown} */
  let answer;
  try {
    answer = { ok: true, values: await obey(JSON.parse(line)), peakBytes: peakMemory() };
  } catch (error) {
    answer = { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
