/** The event log, read back by a reader of its own, and by TensorBoard where there is one. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { EventLog } from '../../lib/tensorboard/event-log.js';
import { frameRecord } from '../../lib/tensorboard/record.js';
import { TrainingLog } from '../../lib/tensorboard/training-log.js';
import { gmiseg } from '../helpers/cli.js';
import { TINY_WEIGHTS } from '../helpers/models.js';
import { writeShapeStore } from '../helpers/shape-store.js';

const PYTHON = process.env.GMISEG_TEST_PYTHON ?? 'python3';
const READER = fileURLToPath(new URL('../helpers/read-events.py', import.meta.url));
const hasTensorBoard = spawnSync(PYTHON, ['-c', 'import tensorboard']).status === 0;
const skip = hasTensorBoard
  ? false
  : `${PYTHON} has no tensorboard; \`pip install tensorboard\` or set GMISEG_TEST_PYTHON to read it back`;

/** Bit by bit, as RFC 3720 defines it. */
function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

function records(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    if (unmask(file.readUInt32LE(at + 8)) !== crc32c(file.subarray(at, at + 8)))
      throw new Error('the checksum of a length is wrong');
    const data = file.subarray(at + 12, at + 12 + length);
    if (unmask(file.readUInt32LE(at + 12 + length)) !== crc32c(data))
      throw new Error('the checksum of a record is wrong');
    found.push(data);
    at += 16 + length;
  }
  return found;
}

type Fields = Map<number, (number | Buffer)[]>;

/** A protobuf message without a schema: field number -> values. */
function fields(message: Buffer): Fields {
  const found: Fields = new Map();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++] as number;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const field = key >> 3;
    let value: number | Buffer;
    if ((key & 7) === 0) value = varint();
    else if ((key & 7) === 1) {
      value = message.readDoubleLE(at);
      at += 8;
    } else if ((key & 7) === 5) {
      value = message.readFloatLE(at);
      at += 4;
    } else {
      const length = varint();
      value = message.subarray(at, at + length);
      at += length;
    }
    found.set(field, [...(found.get(field) ?? []), value]);
  }
  return found;
}

interface Read {
  step: number;
  version?: string;
  started?: number;
  scalars: Record<string, number>;
}

function readEvents(file: string): Read[] {
  return records(readFileSync(file)).map((record) => {
    const event = fields(record);
    const summary = event.get(5)?.[0] as Buffer | undefined;
    const session = event.get(7)?.[0] as Buffer | undefined;
    const version = event.get(3)?.[0] as Buffer | undefined;
    const values = summary === undefined ? [] : (fields(summary).get(1) as Buffer[]).map(fields);
    return {
      step: (event.get(2)?.[0] as number | undefined) ?? 0,
      ...(version === undefined ? {} : { version: version.toString() }),
      ...(session === undefined ? {} : { started: fields(session).get(1)?.[0] as number }),
      scalars: Object.fromEntries(
        values.map((value) => [String(value.get(1)?.[0]), value.get(2)?.[0] as number]),
      ),
    };
  });
}

function python(folder: string): Record<string, [number, number][]> {
  return JSON.parse(
    execFileSync(PYTHON, [READER, folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
}

t.test('checksums are those of the standard', async (t) => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283, 'the check value of CRC-32C');
  const [record] = records(frameRecord(Buffer.from('123456789')));
  t.equal(record?.toString(), '123456789');
  const damaged = frameRecord(Buffer.from('123456789'));
  damaged[14]! ^= 1;
  t.throws(() => records(damaged));
});

t.test('what was added is there, and nothing else', async (t) => {
  const folder = join(t.testdir(), 'log');
  const log = await EventLog.open(folder, 7);
  for (let step = 7; step < 40; step++) log.add({ 'train/loss': 1 / step, 'train/dice': step / 40 }, step);
  log.add({ 'train/loss': 0.25 }, 2 ** 33);
  await log.close();
  await log.close();
  log.add({ 'train/loss': 9 }, 41);
  t.equal(readdirSync(folder).length, 1);
  const [version, start, ...rest] = readEvents(log.file);
  t.same(version, { step: 0, version: 'brain.Event:2', scalars: {} });
  t.same(start, { step: 7, started: 1, scalars: {} });
  t.equal(rest.length, 34);
  t.same(rest[0], {
    step: 7,
    scalars: { 'train/loss': Math.fround(1 / 7), 'train/dice': Math.fround(7 / 40) },
  });
  t.same(rest.at(-1), { step: 2 ** 33, scalars: { 'train/loss': 0.25 } });
});

t.test('TensorBoard reads it; a resumed run replaces what it repeats', { skip }, async (t) => {
  const folder = join(t.testdir(), 'log');
  const report = (step: number, loss: number) =>
    ({
      type: 'step',
      step,
      loss,
      focal: 0,
      diceLoss: 0,
      iouLoss: 0,
      dice: 0.5,
      gradNorm: 1,
      lr: 1e-3,
      ms: 2,
    }) as const;
  for (const [first, loss] of [
    [1, 0.5],
    [4, 0.25],
  ] as const) {
    const log = new TrainingLog(folder);
    for (let step = first; step < first + 6; step++) await log.add(report(step, loss));
    await log.add({ type: 'validation', step: first + 5, dice: 0.75, samples: 3 });
    await log.close();
  }
  const tags = python(folder);
  t.same(tags['train/loss'], [
    ...[1, 2, 3].map((step) => [step, 0.5]),
    ...[4, 5, 6, 7, 8, 9].map((step) => [step, 0.25]),
  ]);
  t.same(tags['validation/dice'], [[9, 0.75]]);
});

t.test('gmiseg train --tensorboard', async (t) => {
  const folder = t.testdir();
  const store = await writeShapeStore(join(folder, 'store'));
  const out = join(folder, 'run');
  const train = [
    'train',
    '--data',
    store,
    '--out',
    out,
    '--checkpoint',
    TINY_WEIGHTS,
    '--device',
    'cpu',
    '--threads',
    '1',
  ];
  const settings = ['--steps', '4', '--batch', '1', '--set', 'validateEvery=2', '--set', 'validateSamples=1'];
  const done = await gmiseg([...train, ...settings, '--tensorboard']);
  t.equal(done.code, 0, done.stderr);
  const [file] = readdirSync(join(out, 'tensorboard'));
  const logged = readEvents(join(out, 'tensorboard', file as string)).slice(2);
  const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.equal(logged.length, lines.length);
  for (const [at, line] of lines.entries()) {
    t.equal(logged[at]?.step, line.step);
    const group = line.type === 'step' ? 'train' : 'validation';
    t.equal(logged[at]?.scalars[`${group}/dice`], Math.fround(line.dice));
  }
});
