import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FIXTURES, inspect, inspectError } from '../helpers/checkpoints.js';

// Made by scripts/dev/make-checkpoint-fixtures.py, which says what is in them.
const MADE = join(FIXTURES, 'checkpoints');

/** What each refused file's message must say; the others must be read. */
const REFUSED: Record<string, RegExp> = {
  'big-endian': /big-endian machine/,
  deep: /nests its dicts/,
  deflated: /compressed.*torch\.save/,
  'empty-stack': /stack runs empty/,
  exponential: /more than 100000 tensors/,
  extension: /opcode 130/,
  'foreign-tensor': /foreign kind, built by __builtin__\.eval/,
  integers: /integers/,
  'lacks-record': /lacks the record "plain\/data\/1"/,
  legacy: /before version 1\.6.*torch\.save\(model\.state_dict\(\)/,
  'legacy-tar': /tar file.*torch\.save\(model\.state_dict\(\)/,
  'missing-memo': /refers to a value/,
  module: /torch\.nn\.modules\.container\.Sequential.*never runs.*torch\.save\(model\.state_dict\(\)/,
  namespace: /argparse\.Namespace.*never runs.*torch\.save\(model\.state_dict\(\)/,
  'negative-length': /ends early/,
  'negative-offset': /contradict/,
  'negative-size': /non-negative/,
  'no-pickle': /without data\.pkl/,
  'no-tensors': /holds no tensors/,
  'numpy-scalar': /numpy.*scalar.*never runs/,
  'os-system': /posix\.system.*never runs/,
  'overflowing-shape': /overflows/,
  'past-storage': /reaches past its storage/,
  'past-storage-stride': /reaches past its storage/,
  'protocol-0': /opcode/,
  'rank-mismatch': /contradict/,
  'self-containing': /nests its dicts/,
  set: /holds no tensors/,
  'short-pickle': /ends early/,
  'short-record': /of 12 bytes where its pickle says otherwise/,
  sparse: /foreign kind, built by torch\._utils\._rebuild_sparse_tensor/,
  'text-opcode': /opcode 73/,
  torchscript: /TorchScript/,
  'two-models': /under "model\." and under "state_dict\."/,
};

t.test('every file is read or refused for its own reason', async (t) => {
  const files = readdirSync(MADE);
  t.same(
    Object.keys(REFUSED).filter((name) => !files.includes(`${name}.pth`)),
    [],
  );
  for (const file of files) {
    const path = join(MADE, file);
    const text = REFUSED[file.slice(0, -'.pth'.length)];
    if (!text) {
      t.ok((await inspect(path)).weights > 0, file);
      continue;
    }
    const error = await inspectError(path);
    t.equal(error.code, 'ERR_CHECKPOINT_FORMAT', file);
    t.match(error.message, text, file);
    t.ok(error.message.includes(path), `${file}: the message names the file`);
  }
  t.notOk(existsSync('gmiseg-pickle-was-run'), 'nothing was run');
});

t.test('truncated anywhere', async (t) => {
  const path = join(t.testdir(), 'x.pth');
  const whole = readFileSync(join(FIXTURES, 'sam-tiny', 'weights.pth'));
  for (const size of [
    1,
    4,
    30,
    1000,
    whole.length >> 2,
    whole.length >> 1,
    whole.length - 23,
    whole.length - 1,
  ]) {
    writeFileSync(path, whole.subarray(0, size));
    const error = await inspectError(path);
    t.equal(error.code, 'ERR_CHECKPOINT_FORMAT', `${size} bytes`);
    t.match(error.message, /cut short|neither a zip file/, `${size} bytes`);
    t.ok(error.message.includes(path));
  }
  writeFileSync(path, whole.subarray(1000));
  t.equal((await inspectError(path)).code, 'ERR_CHECKPOINT_FORMAT', 'without its start');
});

t.test('what is no .pth file at all', async (t) => {
  const path = join(t.testdir(), 'x.pth');
  for (const [content, text] of [
    ['', /it is empty/],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n', /Git LFS pointer.*git lfs pull/],
    ['<!DOCTYPE html><html></html>', /web page/],
    ['hello', /neither a zip file .* nor a safetensors file/],
    ['PK\x03\x04', /cut short/],
    [`PK\x05\x06${'\0'.repeat(18)}`, /neither a zip file/],
  ] as const) {
    writeFileSync(path, content);
    const error = await inspectError(path);
    t.equal(error.code, 'ERR_CHECKPOINT_FORMAT', JSON.stringify(content.slice(0, 10)));
    t.match(error.message, text, JSON.stringify(content.slice(0, 10)));
    t.ok(error.message.includes(path));
  }
});

/** Where the zip's end record and first central entry lie. */
function zipParts(file: Buffer): { end: number; central: number } {
  const end = file.lastIndexOf('PK\x05\x06');
  return { end, central: file.indexOf('PK\x01\x02') };
}

t.test('a zip directory that lies', async (t) => {
  const path = join(t.testdir(), 'x.pth');
  const whole = readFileSync(join(MADE, 'renamed.pth'));
  const { end, central } = zipParts(whole);
  const name = whole.readUInt16LE(central + 28);
  const second = whole.indexOf('PK\x01\x02', central + 1);
  t.ok(end > 0 && second > central);
  for (const [what, change, text] of [
    ['another disk', (b: Buffer) => b.writeUInt16LE(1, end + 4), /split archive/],
    ['a directory past the end', (b: Buffer) => b.writeUInt32LE(b.length, end + 16), /cut short/],
    [
      'more records than there are',
      (b: Buffer) => b.writeUInt16LE(60, end + 10),
      /table of contents is damaged/,
    ],
    [
      '64-bit marks without the record',
      (b: Buffer) => b.writeUInt32LE(0xffffffff, end + 16),
      /64-bit end record/,
    ],
    ['an encrypted record', (b: Buffer) => b.writeUInt16LE(1, central + 8), /encrypted/],
    ['a method that only the directory has', (b: Buffer) => b.writeUInt16LE(8, central + 10), /contradicts/],
    ['two sizes', (b: Buffer) => b.writeUInt32LE(1, central + 24), /two sizes/],
    ['a record without its header', (b: Buffer) => b.writeUInt32LE(5, central + 42), /no local header/],
    ['a header past the end', (b: Buffer) => b.writeUInt32LE(b.length - 2, central + 42), /no local header/],
    [
      'a 64-bit size that is missing',
      (b: Buffer) => b.writeUInt32LE(0xffffffff, central + 42),
      /64-bit size is missing/,
    ],
    [
      'a record that swallows the rest',
      (b: Buffer) => {
        b.writeUInt32LE(b.length, central + 20);
        b.writeUInt32LE(b.length, central + 24);
      },
      /reaches past the records/,
    ],
    [
      'records that overlap',
      (b: Buffer) => {
        b.writeUInt32LE(b.readUInt32LE(central + 20) + 40, central + 20);
        b.writeUInt32LE(b.readUInt32LE(central + 24) + 40, central + 24);
      },
      /overlap/,
    ],
    ['another name', (b: Buffer) => b.write('Z', central + 46 + name - 1), /contradicts its local header/],
  ] as const) {
    const bytes = Buffer.from(whole);
    change(bytes);
    writeFileSync(path, bytes);
    const error = await inspectError(path);
    t.equal(error.code, 'ERR_CHECKPOINT_FORMAT', what);
    t.match(error.message, text, what);
    t.ok(error.message.includes(path));
  }
});

t.test('a record that appears twice', async (t) => {
  const path = join(t.testdir(), 'x.pth');
  const whole = readFileSync(join(MADE, 'renamed.pth'));
  const { end, central } = zipParts(whole);
  const entry = whole.subarray(central, whole.indexOf('PK\x01\x02', central + 1));
  const tail = Buffer.from(whole.subarray(end));
  tail.writeUInt16LE(tail.readUInt16LE(10) + 1, 10);
  tail.writeUInt32LE(tail.readUInt32LE(12) + entry.length, 12);
  writeFileSync(path, Buffer.concat([whole.subarray(0, end), entry, tail]));
  const error = await inspectError(path);
  t.equal(error.code, 'ERR_CHECKPOINT_FORMAT');
  t.match(error.message, /appears twice/);
});

t.test('a comment after the directory is skipped', async (t) => {
  const path = join(t.testdir(), 'x.pth');
  const whole = Buffer.from(readFileSync(join(MADE, 'renamed.pth')));
  whole.writeUInt16LE(5, zipParts(whole).end + 20);
  writeFileSync(path, Buffer.concat([whole, Buffer.from('hello')]));
  t.equal((await inspect(path)).weights, 2);
});

/** The same archive with every size and place in the 64-bit form that files of 4 GiB and more need. */
function toZip64(whole: Buffer): Buffer {
  const { end, central } = zipParts(whole);
  const entries: Buffer[] = [];
  for (let at = central; at < end; ) {
    const [name, extra, comment] = [28, 30, 32].map((o) => whole.readUInt16LE(at + o)) as [
      number,
      number,
      number,
    ];
    const entry = Buffer.from(whole.subarray(at, at + 46 + name));
    const field = Buffer.alloc(4 + 6 + 4 + 24);
    field.writeUInt16LE(0x7075, 0); // another field first
    field.writeUInt16LE(6, 2);
    field.writeUInt16LE(1, 10);
    field.writeUInt16LE(24, 12);
    field.writeBigUInt64LE(BigInt(entry.readUInt32LE(24)), 14);
    field.writeBigUInt64LE(BigInt(entry.readUInt32LE(20)), 22);
    field.writeBigUInt64LE(BigInt(entry.readUInt32LE(42)), 30);
    for (const o of [20, 24, 42]) entry.writeUInt32LE(0xffffffff, o);
    entry.writeUInt16LE(field.length, 30);
    entry.writeUInt16LE(0, 32);
    entries.push(entry, field);
    at += 46 + name + extra + comment;
  }
  const directory = Buffer.concat(entries);
  const count = BigInt(entries.length / 2);
  const tail = Buffer.alloc(56 + 20 + 22);
  tail.write('PK\x06\x06', 0, 'latin1');
  tail.writeBigUInt64LE(44n, 4);
  tail.writeBigUInt64LE(count, 24);
  tail.writeBigUInt64LE(count, 32);
  tail.writeBigUInt64LE(BigInt(directory.length), 40);
  tail.writeBigUInt64LE(BigInt(central), 48);
  tail.write('PK\x06\x07', 56, 'latin1');
  tail.writeBigUInt64LE(BigInt(central + directory.length), 64);
  tail.writeUInt32LE(1, 72);
  tail.write('PK\x05\x06', 76, 'latin1');
  for (const o of [84, 86]) tail.writeUInt16LE(0xffff, o);
  for (const o of [88, 92]) tail.writeUInt32LE(0xffffffff, o);
  return Buffer.concat([whole.subarray(0, central), directory, tail]);
}

t.test('the 64-bit form of the directory', async (t) => {
  const path = join(t.testdir(), 'x.pth');
  const whole = toZip64(readFileSync(join(MADE, 'renamed.pth')));
  writeFileSync(path, whole);
  t.same((await inspect(path)).tensors, (await inspect(join(MADE, 'renamed.pth'))).tensors);
  const locator = whole.length - 42;
  const bytes = Buffer.from(whole);
  bytes.writeBigUInt64LE(0xffff_ffff_ffff_fff0n, locator + 8);
  writeFileSync(path, bytes);
  t.match((await inspectError(path)).message, /64-bit end record is missing/);
  whole.writeBigUInt64LE(0xffff_ffff_ffff_fff0n, locator - 56 + 48);
  writeFileSync(path, whole);
  t.match((await inspectError(path)).message, /cut short/);
});

t.test('newer pickles and integers of every width', async (t) => {
  const found = await inspect(join(MADE, 'protocol-5.pth'));
  t.equal(found.weights, 2);
  t.same(found.metadata, { epoch: String(2 ** 40), seed: '-3' });
});

t.test('a file with bits flipped never ends in anything but an answer or a typed error', async (t) => {
  const path = join(t.testdir(), 'x.pth');
  const whole = readFileSync(join(MADE, 'optimizer-object.pth'));
  copyFileSync(join(MADE, 'optimizer-object.pth'), path);
  t.equal((await inspect(path)).weights, 2);
  const seen = new Set<string>();
  for (let i = 0; i < 600; ++i) {
    const bytes = Buffer.from(whole);
    bytes[(i * 7919) % whole.length]! ^= 1 << (i % 8);
    writeFileSync(path, bytes);
    seen.add((await inspectError(path)).code);
  }
  t.same(
    [...seen].filter((code) => code !== 'none'),
    ['ERR_CHECKPOINT_FORMAT'],
  );
});
