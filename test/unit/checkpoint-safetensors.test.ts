import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  FIXTURES,
  inspect,
  inspectError,
  readTensors,
  samShapes,
  writeRaw,
  writeTensors,
} from '../helpers/checkpoints.js';

const NAME = 'image_encoder.pos_embed';

/** A header of one F32 tensor [2, 2] with `change` made to its entry. */
function header(change: Record<string, unknown> = {}, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    [NAME]: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16], ...change },
    ...more,
  });
}

async function refused(
  t: Test,
  path: string,
  text: RegExp,
  name: string,
  code = 'ERR_CHECKPOINT_FORMAT',
): Promise<void> {
  const error = await inspectError(path);
  t.equal(error.code, code, name);
  t.match(error.message, text, name);
  t.ok(error.message.includes(path), `${name}: the message names the file`);
}

t.test('files of an honest but unusual form are read', async (t) => {
  const path = join(t.testdir(), 'x.safetensors');
  const data = Buffer.alloc(16);
  for (const [name, text, bytes] of [
    ['plain', header(), data],
    ['spaces at the end of the header', `${header()}   \n`, data],
    ['a header that leaves the data unaligned', `${header()} `, data],
    ['an empty tensor', header({}, { e: { dtype: 'F64', shape: [0, 3], data_offsets: [16, 16] } }), data],
    ['a scalar', header({}, { e: { dtype: 'F32', shape: [], data_offsets: [16, 20] } }), Buffer.alloc(20)],
    [
      'entries out of order',
      header({ data_offsets: [4, 20] }, { a: { dtype: 'I32', shape: [1], data_offsets: [0, 4] } }),
      Buffer.alloc(20),
    ],
    [
      'escapes in names',
      header({}, { '\u00e9\n"\ud83d\ude00': { dtype: 'U8', shape: [0], data_offsets: [16, 16] } }),
      data,
    ],
    ['metadata', header({}, { __metadata__: { a: 'b' } }), data],
  ] as const) {
    const found = await inspect(writeRaw(path, text, bytes));
    t.equal(found.weights, 1, name);
  }
  t.equal((await inspect(writeRaw(path, '{}', Buffer.alloc(0)))).weights, 0, 'no tensors at all');
  t.same((await inspect(writeRaw(path, header({}, { __metadata__: { a: 'b' } }), data))).metadata, {
    a: 'b',
  });
});

t.test('every dtype of the format is named as it is stored', async (t) => {
  const path = join(t.testdir(), 'x.safetensors');
  const sizes = {
    F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1,
    U64: 8, U32: 4, U16: 2, U8: 1, BOOL: 1, F8_E4M3: 1, F8_E5M2: 1,
  }; // biome-ignore format: a table
  const tensors = Object.fromEntries(
    Object.entries(sizes).map(([dtype, size]) => [
      `t.${dtype}`,
      { dtype, shape: [3], data: Buffer.alloc(3 * size) },
    ]),
  );
  const found = await inspect(writeTensors(path, tensors));
  t.same(
    found.tensors.map((x) => x.name),
    found.tensors.map((x) => `t.${x.dtype}`),
  );
  t.equal(found.tensors.length, 15);
  for (const dtype of ['C64', 'F8_E8M0', 'F4', 'F6_E2M3', 'f32', '', 'X']) {
    await refused(
      t,
      writeRaw(path, header({ dtype }), Buffer.alloc(16)),
      /dtype ".*Convert the weights/,
      `dtype ${dtype}`,
    );
  }
});

t.test('truncated anywhere', async (t) => {
  const path = join(t.testdir(), 'x.safetensors');
  const whole = readFileSync(join(FIXTURES, 'hf-sam-tiny', 'model.safetensors'));
  const length = 8 + Number(whole.readBigUInt64LE(0));
  for (const size of [1, 7, 8, 9, 100, length - 1, length, length + 1, whole.length >> 1, whole.length - 1]) {
    writeFileSync(path, whole.subarray(0, size));
    await refused(t, path, /Download or export it again/, `${size} bytes`);
  }
  writeFileSync(path, Buffer.concat([whole, Buffer.alloc(3)]));
  await refused(t, path, /3 bytes at its end belong to no tensor/, 'bytes too many');
});

t.test('a header that lies about its length', async (t) => {
  const path = join(t.testdir(), 'x.safetensors');
  const data = Buffer.alloc(16);
  for (const [length, text] of [
    [0n, /does not start with '\{'/],
    [1n, /not valid JSON/],
    [1000n, /ends inside its header/],
    [100_000_001n, /over the limit/],
    [0x7fff_ffff_ffff_ffffn, /over the limit/],
    [0xffff_ffff_ffff_ffffn, /over the limit/],
  ] as const) {
    await refused(t, writeRaw(path, header(), data, length), text, `length ${length}`);
  }
});

t.test('a header that is no strict JSON', async (t) => {
  const path = join(t.testdir(), 'x.safetensors');
  const entry = '{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}';
  for (const text of [
    ' {}',
    '[]',
    '{',
    '{}x',
    `{"a":${entry},}`,
    `{"a":${entry},"a":${entry}}`,
    `{"a":${entry},"\\u0061":${entry}}`,
    `{"a":{"dtype":"F32","dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}`,
    `{'a':${entry}}`,
    `{"a":${entry.replace('16', '0x10')}}`,
    `{"a":${entry.replace('16', '016')}}`,
    `{"a":${entry.replace('16', '+16')}}`,
    `{"a":${entry.replace('16', 'NaN')}}`,
    `{"a":${entry.replace('16', '1e999')}}`,
    `{"\\ud800":${entry}}`,
    `{"a\tb":${entry}}`,
    Buffer.from([...Buffer.from('{"'), 0xc0, 0x80, ...Buffer.from(`":${entry}}`)]),
    `{"a":${'['.repeat(10_000)}`,
    '{"a":'.repeat(10_000),
  ]) {
    const error = await inspectError(writeRaw(path, text, Buffer.alloc(16)));
    t.equal(error.code, 'ERR_CHECKPOINT_FORMAT', String(text).slice(0, 40));
    t.ok(error.message.includes(path));
  }
});

t.test('entries that contradict themselves, each other or the data', async (t) => {
  const path = join(t.testdir(), 'x.safetensors');
  const data = Buffer.alloc(16);
  const second = (begin: number, end: number) => ({
    b: { dtype: 'F32', shape: [(end - begin) / 4], data_offsets: [begin, end] },
  });
  for (const [name, text, bytes, problem] of [
    ['overlap', header({}, second(8, 16)), data, /overlaps/],
    ['the same place twice', header({}, second(0, 16)), data, /overlaps/],
    ['a gap', header({}, second(20, 24)), Buffer.alloc(24), /leaves a gap/],
    ['a gap at the start', header({ data_offsets: [4, 20] }), Buffer.alloc(20), /leaves a gap/],
    ['past the end', header({ shape: [4, 2], data_offsets: [0, 32] }), data, /16 bytes of 32 are missing/],
    ['far past the end', header({ shape: [2 ** 40], data_offsets: [0, 2 ** 42] }), data, /missing/],
    ['a shape too large', header({ shape: [2, 3] }), data, /does not fit its data_offsets/],
    ['a shape too small', header({ shape: [1] }), data, /does not fit its data_offsets/],
    ['offsets backwards', header({ data_offsets: [16, 0] }), data, /does not fit its data_offsets/],
    ['a negative size', header({ shape: [-2, -2] }), data, /non-negative/],
    ['a negative offset', header({ data_offsets: [-16, 0] }), data, /non-negative/],
    ['a fractional size', header({ shape: [2.5, 2] }), data, /non-negative/],
    ['a size as text', header({ shape: ['2', 2] }), data, /non-negative/],
    ['a product that wraps to 16 bytes', header({ shape: [2 ** 32, 2 ** 32, 4] }), data, /overflows/],
    [
      'sizes beside a zero that overflow',
      header({ shape: [0, 2 ** 40, 2 ** 40], data_offsets: [0, 0] }),
      data,
      /overflows/,
    ],
    [
      '40 dimensions',
      header({ shape: Array(40).fill(1), data_offsets: [0, 4] }),
      Buffer.alloc(4),
      /32 dimensions/,
    ],
    ['no dtype', header({ dtype: undefined }), data, /lacks dtype/],
    ['no shape', header({ shape: undefined }), data, /lacks dtype, shape/],
    ['no offsets', header({ data_offsets: undefined }), data, /lacks dtype, shape or data_offsets/],
    ['three offsets', header({ data_offsets: [0, 8, 16] }), data, /malformed field "data_offsets"/],
    ['an unknown field', header({ stride: [1] }), data, /unknown or malformed field "stride"/],
    ['a dtype that is no text', header({ dtype: 4 }), data, /malformed field "dtype"/],
    ['an entry that is no object', JSON.stringify({ a: [1] }), data, /is no object/],
    ['metadata that is no object', header({}, { __metadata__: 'x' }), data, /__metadata__/],
    ['metadata that is no text', header({}, { __metadata__: { a: 1 } }), data, /__metadata__ "a"/],
  ] as const) {
    await refused(t, writeRaw(path, text, bytes), problem, name);
  }
  const huge = header().replace('16]', '99999999999999999999]');
  await refused(t, writeRaw(path, huge, data), /64 bits/, 'an offset of more than 64 bits');
});

t.test('what is no safetensors file at all', async (t) => {
  const folder = t.testdir();
  const path = join(folder, 'x.safetensors');
  for (const [content, text] of [
    ['', /it is empty/],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n', /Git LFS pointer.*git lfs pull/],
    ['<!DOCTYPE html><html></html>', /web page/],
    ['\n<html><body>Not found</body></html>', /web page/],
    ['hello, world, this is no model', /over the limit/],
  ] as const) {
    writeFileSync(path, content);
    await refused(t, path, text, content.slice(0, 20));
  }
  const pipe = join(folder, 'pipe.safetensors');
  execFileSync('mkfifo', [pipe]);
  await refused(t, pipe, /no regular file/, 'a pipe');
  await refused(t, join(folder, 'none.safetensors'), /no file/, 'a missing file', 'ERR_CHECKPOINT_NOT_FOUND');
  mkdirSync(join(folder, 'folder.safetensors'));
  await refused(t, join(folder, 'folder.safetensors'), /folder/, 'a folder', 'ERR_CHECKPOINT_NOT_FOUND');
});

t.test(
  'the fixture with bits flipped in its header never ends in anything but an answer or a typed error',
  async (t) => {
    const path = join(t.testdir(), 'x.safetensors');
    const tensors = Object.fromEntries(
      Object.keys(samShapes({ dim: 8, depth: 1, headDim: 4, global: [0], grid: 2, width: 8 })).map((name) => [
        name,
        { dtype: 'F32', shape: [2], data: Buffer.alloc(8) },
      ]),
    );
    const whole = readFileSync(writeTensors(path, tensors));
    t.ok(Object.keys(readTensors(path)).length > 5);
    const seen = new Set<string>();
    for (let i = 0; i < 400; ++i) {
      const bytes = Buffer.from(whole);
      const at = (i * 7919) % (8 + Number(whole.readBigUInt64LE(0)));
      bytes[at]! ^= 1 << (i % 8);
      writeFileSync(path, bytes);
      seen.add((await inspectError(path)).code);
    }
    t.same(
      [...seen].filter((code) => code !== 'none'),
      ['ERR_CHECKPOINT_FORMAT'],
    );
  },
);
