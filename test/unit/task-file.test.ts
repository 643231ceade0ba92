/** A task's file: what is in it, and what happens when it is not what it should be. */
import { readFileSync, writeFileSync } from 'node:fs';
import { open as openFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Segmenter } from '../../lib/segmenter.js';
import { defineTask, openTask } from '../../lib/task/define.js';
import { type TaskBlob, TaskContainer, writeContainer } from '../../lib/task/task-container.js';
import { readTaskMeta, saveTask } from '../../lib/task/task-file.js';
import { parseTaskMeta } from '../../lib/task/task-meta.js';
import { FakeSession } from '../helpers/fake-session.js';
import { TINY, TINY_WEIGHTS } from '../helpers/models.js';
import { writeShapeStore } from '../helpers/shape-store.js';
import { discs } from '../helpers/tasks.js';

async function open(
  t: Test,
  options: Parameters<typeof Segmenter.load>[0] = { checkpoint: TINY_WEIGHTS },
): Promise<Segmenter> {
  const segmenter = await Segmenter.load({ device: 'cpu', threads: 1, ...options });
  t.teardown(() => segmenter.close());
  return segmenter;
}

async function contentOf(file: string): Promise<{ meta: unknown; blobs: Map<string, TaskBlob> }> {
  await using container = await TaskContainer.open(file);
  const blobs = new Map<string, TaskBlob>();
  for (const name of container.names) blobs.set(name, (await container.read(name))!);
  return { meta: container.meta, blobs };
}

/** The file's JSON, to be spoilt. */
interface OpenMeta {
  withExamples: boolean;
  sections: { labels: { recipe: { flips: boolean } }[] }[];
}

const FREE = { engine: 'training-free', location: 1, view: 'whole' } as const;

t.test('small without the examples, complete with them, the same bytes again', async (t) => {
  const segmenter = await open(t);
  const folder = t.testdir();
  const [bare, full, again] = ['bare', 'full', 'again'].map((name) => join(folder, `${name}.gmtask`)) as [
    string,
    string,
    string,
  ];
  const task = await segmenter.defineTask(discs(3), { engine: 'training-free', labels: { 1: 'disc' } });
  await task.save(bare);
  await task.save(full, { withExamples: true });
  t.ok(readFileSync(full).length - readFileSync(bare).length >= 3 * 2 * 48 * 40);
  t.same((await readdir(folder)).sort(), ['bare.gmtask', 'full.gmtask'], 'nothing temporary is left');

  const loaded = await segmenter.loadTask(full);
  t.same(loaded.info, task.info);
  await loaded.save(again, { withExamples: true });
  t.ok(readFileSync(again).equals(readFileSync(full)));
  const { labels: report } = await loaded.check();
  t.same(report, (await task.check()).labels);
  await loaded.add(
    discs(5)
      .slice(3)
      .map((each, at) => ({ ...each, name: `new ${at}` })),
  );
  t.equal(loaded.info.examples.length, 5);

  const light = await segmenter.loadTask(bare);
  t.equal(light.info.hasExamples, false);
  t.same(light.info.examples, task.info.examples, 'names are kept');
  for (const call of [
    () => light.check(),
    () => light.add(discs(1)),
    () => light.remove('example 1'),
    () => light.save(again, { withExamples: true }),
  ]) {
    await t.rejects(call() as Promise<void>, {
      code: 'ERR_INVALID_ARG',
      message: /saved without its examples.*withExamples: true/s,
    });
  }
  await light.save(again);
  t.ok(readFileSync(again).equals(readFileSync(bare)));

  const meta = await readTaskMeta(bare);
  t.match(meta, {
    format: 'gmiseg-task',
    labels: [{ value: 1, name: 'disc' }],
    model: { sha256: segmenter.info.checkpoint!.sha256, imageSize: 128 },
    examples: [{ name: 'example 1', width: 48, height: 40 }, {}, {}],
  });
});

t.test('another model is refused, unless the task needs none', async (t) => {
  const segmenter = await open(t);
  const folder = t.testdir();
  const [free, grey] = [join(folder, 'free.gmtask'), join(folder, 'grey.gmtask')];
  await (await segmenter.defineTask(discs(2), FREE)).save(free);
  await (await segmenter.defineTask(discs(2), { engine: 'threshold' })).save(grey);
  const other = await open(t, { config: TINY, seed: 3 });
  await t.rejects(other.loadTask(free), {
    code: 'ERR_CHECKPOINT_MISMATCH',
    message: new RegExp(`${free}.*another model`),
  });
  await t.resolves(other.loadTask(grey));
});

t.test('another adapter on the same base is another model, and so is one that has learned', async (t) => {
  const folder = t.testdir();
  const store = await writeShapeStore(join(folder, 'store'));
  const adapted = async (seed: number): Promise<{ segmenter: Segmenter; adapter: string }> => {
    const segmenter = await open(t);
    const out = join(folder, `run-${seed}`);
    const adapter = { kind: 'lora', rank: 2 } as const;
    const { file } = await segmenter.train(store, { out, seed, adapter, steps: 2, learningRate: 0.01 });
    return { segmenter, adapter: file };
  };
  const [first, second] = [await adapted(1), await adapted(2)];
  const file = join(folder, 'adapted.gmtask');
  await (await first.segmenter.defineTask(discs(2), FREE)).save(file);
  const load = async (adapter?: string): Promise<unknown> =>
    await (
      await open(t, { checkpoint: TINY_WEIGHTS, ...(adapter === undefined ? {} : { adapter }) })
    ).loadTask(file);
  await t.resolves(load(first.adapter), 'its own adapter, from the file');
  const refusal = { code: 'ERR_CHECKPOINT_MISMATCH', message: /another model/ };
  await t.rejects(load(second.adapter), refusal);
  await t.rejects(load(), refusal);
  await t.rejects(second.segmenter.loadTask(file), refusal);
});

t.test('broken and foreign files', async (t) => {
  const segmenter = await open(t);
  const folder = t.testdir();
  const good = join(folder, 'good.gmtask');
  await (await segmenter.defineTask(discs(2), FREE)).save(good);
  const bytes = readFileSync(good);
  const broken: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ['short', bytes.subarray(0, 100)],
    ['cut', bytes.subarray(0, bytes.length - 100)],
    ['text', Buffer.from('not a task at all, only text')],
    ['model', readFileSync(TINY_WEIGHTS)],
    ['length', Buffer.concat([Buffer.from([255, 255, 255, 255, 255, 255, 255, 127]), bytes.subarray(8)])],
  ];
  for (const [name, data] of broken) {
    const file = join(folder, name);
    writeFileSync(file, data);
    await t.rejects(
      segmenter.loadTask(file),
      { code: 'ERR_CHECKPOINT_FORMAT', message: new RegExp(`${file} is no task file`) },
      name,
    );
    await t.rejects(readTaskMeta(file), { code: 'ERR_CHECKPOINT_FORMAT' }, name);
  }
  await t.rejects(segmenter.loadTask(join(folder, 'nowhere')), {
    code: 'ERR_CHECKPOINT_NOT_FOUND',
    message: /gmiseg task define/,
  });
  await t.rejects(segmenter.loadTask(folder), { code: 'ERR_IO' });
  await t.rejects(segmenter.loadTask(''), { code: 'ERR_INVALID_ARG' });
  const task = await segmenter.loadTask(good);
  await t.rejects(task.save(join(folder, 'no', 'such', 'folder.gmtask')), {
    code: 'ERR_IO',
    message: /does not exist/,
  });
  await t.rejects(task.save(good, { withexamples: true } as never), { message: /no option/ });

  const { meta, blobs } = await contentOf(good);
  const rewrite = async (
    name: string,
    change: (meta: OpenMeta, blobs: Map<string, TaskBlob>) => void,
  ): Promise<string> => {
    const copy = structuredClone(meta) as OpenMeta;
    const parts = new Map(blobs);
    change(copy, parts);
    const file = join(folder, name);
    await writeContainer(file, copy, [...parts.values()]);
    return file;
  };
  const lacking = await rewrite('lacking', (_meta, parts) => parts.clear());
  await t.rejects(segmenter.loadTask(lacking), {
    code: 'ERR_CHECKPOINT_FORMAT',
    message: /lacks sections\.0\.1\.first/,
  });
  const part = await rewrite('part', (copy) => {
    copy.sections[0]!.labels[0]!.recipe.flips = true;
  });
  await t.rejects(segmenter.loadTask(part), {
    code: 'ERR_CHECKPOINT_FORMAT',
    message: /lacks first-mirrored/,
  });
  const pixels = await rewrite('pixels', (copy) => {
    copy.withExamples = true;
  });
  await t.rejects(segmenter.loadTask(pixels), {
    code: 'ERR_CHECKPOINT_FORMAT',
    message: /examples\.0\.image/,
  });
  const inner = await rewrite('inner', (_copy, parts) => {
    for (const [name, blob] of parts)
      parts.set(name, { ...blob, data: new Uint8Array(blob.data).fill(7, 0, 64) });
  });
  await t.rejects(segmenter.loadTask(inner), { code: 'ERR_CHECKPOINT_FORMAT', message: new RegExp(inner) });
  t.throws(() => parseTaskMeta({ ...(meta as object), version: 2 }, 'x'), {
    code: 'ERR_CHECKPOINT_FORMAT',
    message: /later gmiseg/,
  });
  t.throws(() => parseTaskMeta({ ...(meta as object), labels: [] }, 'x'), {
    code: 'ERR_CHECKPOINT_FORMAT',
    message: /x is no task file/,
  });
});

t.test('a file beyond 2 GiB: its head alone is read, and then what is asked for', async (t) => {
  const folder = t.testdir();
  const file = join(folder, 'large.gmtask');
  const size = 3 * 2 ** 30;
  const table = {
    __metadata__: { 'gmiseg.task.bundle': '{"format":"large"}' },
    hole: { dtype: 'U8', shape: [size], data_offsets: [0, size] },
    end: { dtype: 'U8', shape: [3], data_offsets: [size, size + 3] },
  };
  const head = Buffer.from(JSON.stringify(table));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  const handle = await openFile(file, 'w');
  await handle.write(Buffer.concat([length, head]), 0);
  await handle.write(Buffer.from([7, 8, 9]), 0, 3, 8 + head.length + size);
  await handle.close();
  await using container = await TaskContainer.open(file);
  t.same(container.meta, { format: 'large' });
  t.same((await container.read('end'))?.data, Uint8Array.from([7, 8, 9]));
});

t.test('a save that is stopped leaves nothing behind', async (t) => {
  const folder = t.testdir();
  const session = new FakeSession();
  const task = {
    state: { labels: [], channels: 1, sections: [] },
    axes: null,
    examples: [],
    warnings: [],
  } as never;
  const work = session.work();
  const stop = new Error('stop');
  const host = {
    ...session.host(),
    // What is asked for last before the file is written.
    get info() {
      work.cancellation.cancel(stop);
      return session.host().info;
    },
  };
  await t.rejects(saveTask(work, host, task, join(folder, 'task.gmtask'), false), stop);
  t.same(await readdir(folder), []);
});

t.test('a load that fails leaves nothing open', async (t) => {
  const session = new FakeSession();
  const host = session.host();
  const task = await defineTask(host, { stack: '' }, discs(2), { engine: 'copy' });
  const file = join(t.testdir(), 'task.gmtask');
  await task.save(file, { withExamples: true });
  task.close();
  t.equal(session.open, 0);
  (await openTask(host, { stack: '' }, file, {})).close();
  const { meta, blobs } = await contentOf(file);
  blobs.delete('examples.1.mask');
  await writeContainer(file, meta, [...blobs.values()]);
  await t.rejects(openTask(host, { stack: '' }, file, {}), { message: /lacks examples\.1\.mask/ });
  t.equal(session.open, 0);
});
