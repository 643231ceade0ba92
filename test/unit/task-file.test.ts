/** A task's file: what is in it, and what happens when it is not what it should be. */
import { readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Segmenter } from '../../lib/segmenter.js';
import { readContainer, type TaskBlob, writeContainer } from '../../lib/task/task-container.js';
import { readTaskMeta } from '../../lib/task/task-file.js';
import { parseTaskMeta } from '../../lib/task/task-meta.js';
import { TINY, TINY_WEIGHTS } from '../helpers/models.js';
import { discs } from '../helpers/tasks.js';

async function open(
  t: Test,
  options: Parameters<typeof Segmenter.load>[0] = { checkpoint: TINY_WEIGHTS },
): Promise<Segmenter> {
  const segmenter = await Segmenter.load({ device: 'cpu', threads: 1, ...options });
  t.teardown(() => segmenter.close());
  return segmenter;
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

  const { meta, blobs } = await readContainer(good);
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
