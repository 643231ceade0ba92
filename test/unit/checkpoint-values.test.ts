import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FIXTURES, inspectError, readTensors, writeTensors } from '../helpers/checkpoints.js';
import { picture } from '../helpers/models.js';
import { nativeSession } from '../helpers/native-session.js';

const TINY = join(FIXTURES, 'sam-tiny');
const HF = join(FIXTURES, 'hf-sam-tiny');

interface Answer {
  embedding: Float32Array;
  lowRes: Float32Array;
}

/** Bit for bit; comparing element by element through tap takes minutes. */
function equalBits(one: Float32Array, other: Float32Array): boolean {
  const bytes = (x: Float32Array) => Buffer.from(x.buffer, x.byteOffset, x.byteLength);
  return bytes(one).equals(bytes(other));
}

function equalAnswers(one: Answer, other: Answer): boolean {
  return equalBits(one.embedding, other.embedding) && equalBits(one.lowRes, other.lowRes);
}

/** What the model makes of a picture, a point and a box: every weight takes part. */
async function answer(checkpoint: string): Promise<Answer> {
  const session = await nativeSession({ checkpoint });
  const { data, width, height, channels } = picture();
  const embedding = await session.encode({ data, width, height, channels }).promise;
  const count = 3;
  const lowRes = new Float32Array(count * session.lowResSize ** 2);
  await session.predict(
    embedding,
    {
      rows: 1,
      pointsPerRow: 2,
      points: Float32Array.of(10, 12, 30, 5),
      labels: Float32Array.of(1, 0),
      boxes: Float32Array.of(4, 6, 40, 31),
    },
    { multimask: true },
    {
      masks: new Uint8Array(count * width * height),
      scores: new Float32Array(count),
      stability: new Float32Array(count),
      lowRes,
    },
  ).promise;
  const out = { embedding: embedding.toArray(), lowRes };
  embedding.close();
  session.close();
  return out;
}

t.test('every flavour gives the same bits', async (t) => {
  const expected = await answer(join(TINY, 'weights.safetensors'));
  t.ok(expected.embedding.some((x) => x !== 0) && expected.lowRes.some((x) => x !== 0));
  for (const file of ['weights.pth', 'weights-training.pth', 'weights-ddp.pth']) {
    t.ok(equalAnswers(await answer(join(TINY, file)), expected), file);
  }
});

t.test('data that is not aligned is read like data that is', async (t) => {
  const folder = t.testdir();
  copyFileSync(join(TINY, 'config.json'), join(folder, 'config.json'));
  const tensors = readTensors(join(TINY, 'weights.safetensors'));
  const even = await answer(writeTensors(join(folder, 'x.safetensors'), tensors, undefined, 0));
  const lengths = new Set<number>();
  for (let pad = 0; pad < 4; ++pad) {
    const path = writeTensors(join(folder, 'x.safetensors'), tensors, undefined, pad);
    lengths.add(Number(readFileSync(path).readBigUInt64LE(0)) % 4);
    t.ok(equalAnswers(await answer(path), even), `${pad} bytes more`);
  }
  t.equal(lengths.size, 4);
});

t.test('a Hugging Face folder gives the same bits from either file', async (t) => {
  const folder = t.testdir();
  for (const name of ['config.json', 'pytorch_model.bin']) copyFileSync(join(HF, name), join(folder, name));
  t.ok(equalAnswers(await answer(folder), await answer(HF)));
});

t.test('weights that do not fit are listed', async (t) => {
  const folder = t.testdir();
  copyFileSync(join(TINY, 'config.json'), join(folder, 'config.json'));
  const tensors = readTensors(join(TINY, 'weights.safetensors'));
  const missing = 'image_encoder.blocks.0.norm1.bias';
  const reshaped = 'mask_decoder.iou_token.weight';
  const { [missing]: _, ...rest } = tensors;
  const path = writeTensors(join(folder, 'x.safetensors'), {
    ...rest,
    [reshaped]: { ...tensors[reshaped]!, shape: [32, 1] },
    'image_encoder.blocks.0.Adapter.norm.weight': tensors[missing]!,
  });
  const error = await nativeSession({ checkpoint: path }).catch((e) => e);
  t.equal(error.code, 'ERR_CHECKPOINT_MISMATCH');
  t.ok(error.message.includes(path));
  t.match(error.message, /1 missing \(image_encoder\.blocks\.0\.norm1\.bias\)/);
  t.match(error.message, /1 unexpected \(image_encoder\.blocks\.0\.Adapter\.norm\.weight\)/);
  t.match(
    error.message,
    /1 of another shape \(mask_decoder\.iou_token\.weight \[32, 1\] instead of \[1, 32\]\)/,
  );
  t.match(error.message, /SAM-Med2D/);

  const encoder = Object.entries(tensors).filter(([name]) => name.startsWith('image_encoder.'));
  const half = await nativeSession({ checkpoint: writeTensors(path, Object.fromEntries(encoder)) }).catch(
    (e) => e,
  );
  t.equal(half.code, 'ERR_CHECKPOINT_MISMATCH');
  t.match(half.message, /missing \(.*, and \d+ more\)/);
});

t.test('a file without a SAM is refused by name', async (t) => {
  const path = join(t.testdir(), 'x.safetensors');
  writeTensors(path, { 'fc.weight': { dtype: 'F32', shape: [1], data: Buffer.alloc(4) } });
  const error = await nativeSession({ checkpoint: path }).catch((e) => e);
  t.equal(error.code, 'ERR_CHECKPOINT_FORMAT');
  t.match(error.message, /no SAM checkpoint.*"fc\.weight"/);
  t.ok(error.message.includes(path));
  t.equal((await inspectError(path)).code, 'none', 'inspecting it is no error');
});

t.test('the identity of a checkpoint is the SHA-256 of its file', async (t) => {
  const folder = t.testdir();
  copyFileSync(join(TINY, 'config.json'), join(folder, 'config.json'));
  const tensors = readTensors(join(TINY, 'weights.safetensors'));
  const adapter = writeTensors(
    join(folder, 'adapter.safetensors'),
    {},
    {
      'gmiseg.adapter': '{"kind":"lora","rank":1}',
      'gmiseg.base': 'of another model',
    },
  );
  const path = join(folder, 'x.safetensors');
  const residues = new Set<number>();
  // Lengths on both sides of where the padding needs one more block.
  for (let pad = 0; pad < 64; pad += 1) {
    writeTensors(path, tensors, undefined, pad);
    const bytes = readFileSync(path);
    if (![0, 1, 54, 55, 56, 57, 63].includes(bytes.length % 64)) continue;
    residues.add(bytes.length % 64);
    const digest = createHash('sha256').update(bytes).digest('hex');
    const error = await nativeSession({ checkpoint: path, adapter }).catch((e) => e);
    t.equal(error.code, 'ERR_CHECKPOINT_MISMATCH');
    t.ok(error.message.includes(digest.slice(0, 16)), `${bytes.length} bytes`);
  }
  t.equal(residues.size, 7);
});

t.test('a checkpoint that is replaced while it is in use does no harm', async (t) => {
  const folder = t.testdir();
  copyFileSync(join(TINY, 'config.json'), join(folder, 'config.json'));
  const path = join(folder, 'x.safetensors');
  copyFileSync(join(TINY, 'weights.safetensors'), path);
  const session = await nativeSession({ checkpoint: path });
  const before = readFileSync(path);
  await session.save(path, 'full').promise;
  t.notOk(readFileSync(path).equals(before), 'now with our metadata');
  const { data, width, height, channels } = picture();
  const one = (await session.encode({ data, width, height, channels }).promise).toArray();
  session.close();
  t.ok(equalBits((await answer(path)).embedding, one));
  writeFileSync(path, before);
  t.ok(equalBits((await answer(path)).embedding, one));
});
