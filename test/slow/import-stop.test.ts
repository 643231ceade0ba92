import type { ChildProcess } from 'node:child_process';
import { readdir, readFile, utimes } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { outcome } from '../helpers/child.js';
import { gmisegProcess, spawnGmiseg } from '../helpers/cli.js';
import { writeNnunet } from '../helpers/tiny-dataset.js';

/** Starts an import and waits until a number of shards is whole. */
async function startUntil(args: readonly string[], partial: string, shards: number): Promise<ChildProcess> {
  const child = spawnGmiseg(args);
  const whole = async (): Promise<number> => {
    const text = await readFile(path.join(partial, 'journal.jsonl'), 'utf8').catch(() => '');
    return text.split('\n').length - 2;
  };
  while ((await whole()) < shards && child.exitCode === null) await sleep(20);
  return child;
}

t.test(
  'an import stopped by Ctrl-C, then killed, then resumed: the store of an uninterrupted one',
  async (t) => {
    const root = t.testdir();
    const source = path.join(root, 'data');
    await writeNnunet(source, { patients: 80, shape: [64, 64, 24] });
    const partial = path.join(root, 'store.partial');
    const args = ['import', '--layout', 'nnunet', '--in', source, '--policy', 'all', '--workers', '2'];
    const mine = [...args, '--out', path.join(root, 'store')];
    const first = await startUntil(mine, partial, 1);
    first.kill('SIGINT');
    const { code, stderr } = await outcome(first);
    t.equal(code, 1);
    t.match(
      stderr,
      /Stopped by the user\. What was done is kept in .*store\.partial; --resume goes on from there/,
    );
    t.same((await readdir(root)).sort(), ['data', 'store.partial']);
    const second = await startUntil([...mine, '--resume'], partial, 2);
    second.kill('SIGKILL');
    await outcome(second);
    t.ok((await readdir(root)).includes('store.partial'));
    t.match(
      await gmisegProcess([...mine, '--resume']),
      { code: 1, stderr: /ERR_BUSY/ },
      'its lock holds for a minute',
    );
    await utimes(path.join(root, 'store.partial.lock'), 0, 0);
    const last = await gmisegProcess([...mine, '--resume', '--json']);
    t.equal(last.code, 0);
    t.ok(JSON.parse(last.stdout).resumedCases > 5);
    t.equal((await gmisegProcess([...args, '--out', path.join(root, 'whole')])).code, 0);
    t.same((await readdir(root)).sort(), ['data', 'store', 'whole']);
    const names = await readdir(path.join(root, 'whole'));
    t.ok(names.length > 3);
    t.same(await readdir(path.join(root, 'store')), names);
    const slices = async (folder: string) =>
      JSON.parse(await readFile(path.join(root, folder, 'index.json'), 'utf8')).slices;
    t.same(await slices('store'), await slices('whole'));
    for (const name of names.filter((name) => name.endsWith('.safetensors'))) {
      const [a, b] = [path.join(root, 'store', name), path.join(root, 'whole', name)];
      t.ok((await readFile(a)).equals(await readFile(b)), name);
    }
  },
);
