// The mean of the weights of several models of one shape, such as checkpoints of one training: often better than any.
//   node scripts/average-models.mjs OUT.safetensors MODEL.safetensors MODEL.safetensors...
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

const [out, ...paths] = process.argv.slice(2);
if (out === undefined || paths.length < 2) {
  console.error(
    'usage: node scripts/average-models.mjs OUT.safetensors MODEL.safetensors MODEL.safetensors...',
  );
  process.exit(2);
}

/** A file's header, which lies before the weights, as text and by name. @param {string} path */
function read(path) {
  const bytes = readFileSync(path);
  const end = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__, ...tensors } = JSON.parse(bytes.toString('utf8', 8, end));
  for (const [name, { dtype }] of Object.entries(tensors)) {
    if (dtype !== 'F32') throw new Error(`${path}: ${name} is ${dtype}; only float32 models are averaged`);
  }
  const weights = new Float32Array(
    bytes.buffer.slice(bytes.byteOffset + end, bytes.byteOffset + bytes.length),
  );
  return { head: bytes.subarray(0, end), layout: JSON.stringify(tensors), weights };
}

const models = paths.map(read);
const [first] = /** @type {[ReturnType<typeof read>]} */ (models);
for (const [at, { layout }] of models.entries()) {
  if (layout !== first.layout) throw new Error(`${paths[at]} is of another shape than ${paths[0]}`);
}
const mean = first.weights.map(
  (_, at) =>
    models.reduce((sum, { weights }) => sum + /** @type {number} */ (weights[at]), 0) / models.length,
);
writeFileSync(`${out}.tmp`, Buffer.concat([first.head, Buffer.from(mean.buffer)]));
renameSync(`${out}.tmp`, out);
