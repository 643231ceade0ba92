/**
 * The end of a process while the addon is loaded or at work. Every case runs in a child: a crash would be one of
 * the whole process. Exit codes tell a crash (a signal) from an end in good order.
 */
import { join } from 'node:path';
import t from 'tap';
import { runChild } from '../helpers/child.js';
import { writeShapeStore } from '../helpers/shape-store.js';

async function store(folder: string): Promise<[string, string]> {
  return [await writeShapeStore(join(folder, 'store')), join(folder, 'run')];
}

t.test('process.exit() in the middle of a job does not wait for its end', async (t) => {
  const { code, signal, stdout, stderr } = await runChild('exit.mjs', ['job']);
  t.equal(signal, null, stderr);
  t.equal(code, 7, stderr);
  t.equal(stdout, 'leaving\n');
});

t.test('process.exit() drops queued jobs', async (t) => {
  const { code, signal, stderr } = await runChild('exit.mjs', ['queued']);
  t.equal(signal, null, stderr);
  t.equal(code, 7, stderr);
});

t.test('process.exit() in the middle of a training', async (t) => {
  const { code, signal, stdout, stderr } = await runChild('exit.mjs', [
    'training',
    ...(await store(t.testdir())),
  ]);
  t.equal(signal, null, stderr);
  t.equal(code, 7, stderr);
  t.equal(stdout, 'leaving\n');
});

t.test('process.exit() within a progress callback', async (t) => {
  const { code, signal, stdout, stderr } = await runChild('exit.mjs', ['progress']);
  t.equal(signal, null, stderr);
  t.equal(code, 7, stderr);
  t.equal(stdout, '');
});

t.test('an uncaught exception in the middle of a job', async (t) => {
  const { code, signal, stderr } = await runChild('exit.mjs', ['uncaught']);
  t.equal(signal, null, stderr);
  t.equal(code, 1);
  t.match(stderr, /thrown on purpose/);
});

t.test('an open session does not keep the process alive', async (t) => {
  const { code, signal, stdout, stderr } = await runChild('exit.mjs', [
    'idle',
    ...(await store(t.testdir())),
  ]);
  t.equal(signal, null, stderr);
  t.equal(code, 0, stderr);
  t.equal(stdout, 'idle\n');
});

t.test('a job that runs does', async (t) => {
  const { code, signal, stdout, stderr } = await runChild('exit.mjs', ['pending']);
  t.equal(signal, null, stderr);
  t.equal(code, 0, stderr);
  t.equal(stdout, 'the job ended\n');
});
