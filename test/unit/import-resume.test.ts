import { cp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { type ImportOptions, importDataset } from '../../lib/dataset/import-dataset.js';
import { planImport } from '../../lib/dataset/import-plan.js';
import type { GmisegError } from '../../lib/errors.js';
import { writeNnunet } from '../helpers/tiny-dataset.js';

/** The files of a folder but for the time of day in the index. */
async function content(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of await readdir(folder)) {
    const text = await readFile(path.join(folder, name), 'latin1');
    files[name] = text.replace(/"created": "[^"]*"/, '');
  }
  return files;
}

t.test('an import that was stopped goes on and ends with the same bytes', async (t) => {
  const root = t.testdir();
  const source = path.join(root, 'data');
  await writeNnunet(source, { patients: 4 });
  const common = { layout: 'nnunet', source, policy: 'all', axes: [2], shardBytes: 4000 } as const;
  const whole = path.join(root, 'whole');
  await importDataset({ ...common, out: whole });
  const shards = (await readdir(whole)).filter((name) => name.startsWith('slices-')).length;
  t.ok(shards > 6, 'several shards, some of which end inside a case');

  const out = path.join(root, 'store');
  const run = (stopAt: number, more: Partial<ImportOptions> = {}) => {
    const controller = new AbortController();
    return importDataset({
      ...common,
      out,
      signal: controller.signal,
      onProgress: ({ done }) => {
        if (done === stopAt) controller.abort(new Error('stopped'));
      },
      ...more,
    });
  };
  await t.rejects(run(3), { message: 'stopped' });
  const kept = await readdir(path.join(root, 'store.partial'));
  t.ok(kept.length > 1 && kept.length < shards, kept.join());
  t.same((await readdir(root)).sort(), ['data', 'store.partial', 'whole']);
  await t.rejects(run(-1, { resume: true, minArea: 20 }), {
    code: 'ERR_DATASET',
    message: /beginning of another import .*without --resume/,
  });
  await t.rejects(run(-1, { resume: true, datasetName: 'other' }), { code: 'ERR_DATASET' });
  // As after a power cut: a shard without a line, and a line without an end.
  await writeFile(path.join(root, 'store.partial/slices-090.safetensors'), 'half');
  await writeFile(path.join(root, 'store.partial/journal.jsonl'), '{"shard": 9', { flag: 'a' });
  await t.rejects(run(6, { resume: true }), { message: 'stopped' });
  const seen: number[] = [];
  const summary = await importDataset({
    ...common,
    out,
    resume: true,
    onProgress: ({ done }) => seen.push(done),
  });
  t.ok(summary.resumedCases >= 4, `${summary.resumedCases} cases done before`);
  t.equal(seen[0], summary.resumedCases);
  t.match(summary, { cases: 8, splits: { test: { subjects: 1 } } });
  t.same(await content(out), await content(whole));
  t.same((await readdir(root)).sort(), ['data', 'store', 'whole']);
});

t.test('a store that cannot be moved to its place is kept for --resume', async (t) => {
  const root = t.testdir({ store: { 'preview.png': {} } });
  const source = path.join(root, 'data');
  await writeNnunet(source, { patients: 1 });
  const options = { layout: 'nnunet', source, out: path.join(root, 'store'), shardBytes: 3000 } as const;
  await t.rejects(importDataset(options), {
    code: 'ERR_IO',
    message: /cannot be moved to .*store: .*kept in .*store\.partial; --resume goes on/,
  });
  t.same((await readdir(root)).sort(), ['data', 'store', 'store.partial'], 'and is not locked');
  await rm(path.join(root, 'store/preview.png'), { recursive: true });
  t.match(await importDataset({ ...options, resume: true }), { resumedCases: 1, cases: 2 });
  t.same((await readdir(root)).sort(), ['data', 'store']);
  await writeFile(path.join(root, 'store/journal.jsonl'), '', { flag: 'a' });
  t.match(
    await importDataset({ ...options, overwrite: true }),
    { cases: 2 },
    'a log left behind is no obstacle',
  );
  t.notOk((await readdir(path.join(root, 'store'))).includes('journal.jsonl'));
});

t.test('a lock that others hold, and one that cannot be made', async (t) => {
  const root = t.testdir({ 'held.partial.lock': {}, 'odd.partial.lock': 'a file' });
  const source = path.join(root, 'data');
  await writeNnunet(source, { patients: 1 });
  const into = (name: string) => importDataset({ layout: 'nnunet', source, out: path.join(root, name) });
  await t.rejects(into('held'), { code: 'ERR_BUSY', message: /Another import is writing/ });
  await utimes(path.join(root, 'odd.partial.lock'), 0, 0);
  await t.rejects(into('odd'), { code: 'ERR_IO', message: /odd\.partial cannot be made or locked: ENOTDIR/ });
});

t.test('a reading thread that dies takes one case with it', async (t) => {
  const source = path.join(t.testdir(), 'data');
  await writeNnunet(source, { patients: 3 });
  // Threads start from the build.
  const pool = new URL('../../dist/dataset/case-pool.js', import.meta.url).href;
  const { prepareCases } = (await import(pool)) as typeof import('../../lib/dataset/case-pool.js');
  const { folder, cases, prepare } = await planImport({ layout: 'nnunet', source });
  process.once('worker', (worker) => worker.terminate());
  const options = { ...prepare, slices: true, facts: false, preview: false };
  const found: (string | number)[] = [];
  for await (const outcome of prepareCases(cases, folder, options, { workers: 2 }))
    found.push('error' in outcome ? (outcome.error as GmisegError).code : outcome.prepared.slices.length);
  t.same(found.sort(), [...Array(5).fill(found[0]), 'ERR_OUT_OF_MEMORY']);
  t.type(found[0], 'number');
});

t.test('without --resume earlier work is thrown away; a broken file keeps what was done', async (t) => {
  const root = t.testdir();
  const source = path.join(root, 'data');
  await writeNnunet(source, { patients: 3 });
  const options = { layout: 'nnunet', source, out: path.join(root, 'store'), shardBytes: 3000 } as const;
  const file = path.join(source, 'labelsTr/patient003_frame01.nii.gz');
  await cp(file, path.join(root, 'good'));
  await truncate(file, 100);
  await t.rejects(importDataset(options), {
    code: 'ERR_IMAGE_FORMAT',
    message: /patient003_frame01.*kept in .*store\.partial; --resume goes on from there/,
  });
  await cp(path.join(root, 'good'), file);
  t.match(await importDataset(options), { resumedCases: 0, cases: 6 });
  await rm(path.join(root, 'good'));
  t.same((await readdir(root)).sort(), ['data', 'store']);
});
