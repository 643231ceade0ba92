import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { SliceStore } from '../../lib/dataset/slice-store.js';
import { type SliceRecord, SliceStoreWriter } from '../../lib/dataset/slice-store-writer.js';
import { parseSafetensors } from '../helpers/safetensors.js';

const provenance = {
  command: 'test',
  created: '2026-01-01T00:00:00.000Z',
  gmiseg: '0',
  source: 'test',
  options: {},
};

function slice(at: number, channels: 1 | 3 = 1): SliceRecord {
  const [height, width] = [5 + at, 7];
  return {
    dataset: 'tiny',
    subject: `s${at}`,
    axis: 2,
    index: at,
    spacing: at === 0 ? null : [1.25, 0.5],
    height,
    width,
    channels,
    modality: 'MR',
    split: at % 2 === 0 ? 'train' : 'test',
    labels: new Map([[3, 4]]),
    image: Uint8Array.from({ length: height * width * channels }, (_, p) => (p * 13 + at) % 256),
    mask: Uint8Array.from({ length: height * width }, (_, p) => (p < 4 ? 3 : 0)),
  };
}

t.test('what was written comes back, through an independent parser and through the reader', async (t) => {
  const folder = path.join(t.testdir(), 'store');
  const writer = await SliceStoreWriter.create(folder, { shardBytes: 100 });
  writer.describe('tiny', new Map([[3, 'spot']]));
  const slices = [slice(0), slice(1, 3), slice(2)];
  for (const one of slices) await writer.add(one);
  t.same(
    await readdir(path.dirname(folder)).then((names) => names.includes('store')),
    false,
    'nothing before finish',
  );
  await writer.finish(provenance);

  t.same((await readdir(folder)).sort(), [
    'index.json',
    'slices-000.safetensors',
    'slices-001.safetensors',
    'slices-002.safetensors',
  ]);
  const index = JSON.parse(await readFile(path.join(folder, 'index.json'), 'utf8'));
  t.equal(index.schema, 1);
  t.same(index.labels, { tiny: { 3: 'spot' } });
  t.same(index.slices[1].labels, { 3: 4 });
  t.same(index.slices[0].spacing, null);
  t.same(index.slices[1].spacing, [1.25, 0.5]);
  for (const [at, entry] of index.slices.entries()) {
    const tensors = parseSafetensors(await readFile(path.join(folder, entry.file)));
    const image = tensors[entry.image];
    t.equal(image?.dtype, 'U8');
    t.same(image?.shape, [entry.height, entry.width, entry.channels]);
    t.same(Uint8Array.from(image?.data ?? []), slices[at]?.image);
    t.same(Uint8Array.from(tensors[entry.mask]?.data ?? []), slices[at]?.mask);
  }

  const store = await SliceStore.open(folder);
  t.teardown(() => store.close());
  t.equal(store.slices.length, 3);
  t.equal(store.labelName('tiny', 3), 'spot');
  const second = await store.read(store.slices[1]!);
  t.same(second.image, slices[1]?.image);
  t.same(second.mask, slices[1]?.mask);
});

t.test('a store is not replaced unless asked, and only a store is', async (t) => {
  const folder = path.join(t.testdir({ other: { 'notes.txt': 'mine' } }), 'store');
  const write = async (target: string, overwrite: boolean): Promise<void> => {
    const writer = await SliceStoreWriter.create(target, { overwrite });
    await writer.add(slice(0));
    await writer.finish(provenance);
  };
  await write(folder, false);
  await t.rejects(write(folder, false), { code: 'ERR_DATASET', message: /--force/ });
  // As a process leaves it that was killed in the middle of a replacement.
  await mkdir(`${folder}.partial.old`);
  await writeFile(path.join(`${folder}.partial.old`, 'index.json'), '{}');
  await write(folder, true);
  await t.rejects(write(path.join(path.dirname(folder), 'other'), true), { code: 'ERR_DATASET' });
  t.same((await readdir(path.dirname(folder))).sort(), ['other', 'store'], 'no temporary folder is left');
});

t.test('abort leaves nothing, and an empty store is refused', async (t) => {
  const folder = path.join(t.testdir(), 'store');
  const writer = await SliceStoreWriter.create(folder, { shardBytes: 10 });
  await writer.add(slice(0));
  await writer.add(slice(1));
  await writer.abort();
  await t.rejects(writer.add(slice(2)), { code: 'ERR_CLOSED' });
  const empty = await SliceStoreWriter.create(folder);
  await t.rejects(empty.finish(provenance), { code: 'ERR_DATASET', message: /--min-area/ });
  await empty.abort();
  t.same(await readdir(path.dirname(folder)), []);
  const wrong = await SliceStoreWriter.create(folder);
  await t.rejects(wrong.add({ ...slice(0), height: 2 }), { code: 'ERR_SHAPE' });
  await wrong.abort();
});

t.test('damage is named', async (t) => {
  const folder = path.join(t.testdir(), 'store');
  const writer = await SliceStoreWriter.create(folder);
  await writer.add(slice(0));
  await writer.finish(provenance);
  const shard = path.join(folder, 'slices-000.safetensors');
  const indexFile = path.join(folder, 'index.json');
  const index = await readFile(indexFile, 'utf8');
  await writeFile(indexFile, index.replace('"height":5', '"height":6'));
  await t.rejects(SliceStore.open(folder), {
    code: 'ERR_DATASET',
    message: /image\.000000.*\[5, 7, 1\].*\[6, 7, 1\]/,
  });
  await writeFile(indexFile, index.replace('"split":"train"', '"split":"maybe"'));
  await t.rejects(SliceStore.open(folder), { code: 'ERR_DATASET', message: /slices\[0\]\.split/ });
  await writeFile(indexFile, index.replace('slices-000', '../slices-000'));
  await t.rejects(SliceStore.open(folder), { code: 'ERR_DATASET', message: /outside the store/ });
  await writeFile(indexFile, index);
  await writeFile(shard, (await readFile(shard)).subarray(0, -3));
  await t.rejects(SliceStore.open(folder), { code: 'ERR_DATASET', message: /truncated/ });
  await t.rejects(SliceStore.open(path.join(folder, 'nowhere')), {
    code: 'ERR_DATASET',
    message: /gmiseg import/,
  });
});
