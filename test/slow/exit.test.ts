/**
 * The end of a process while the addon is loaded or at work. Every case runs in a child: a crash would be one of
 * the whole process. Exit codes tell a crash (a signal) from an end in good order.
 */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runChild } from '../helpers/child.js';
import { writeShapeStore } from '../helpers/shape-store.js';

async function store(folder: string): Promise<[string, string]> {
  return [await writeShapeStore(join(folder, 'store')), join(folder, 'run')];
}

/** Ends a child in this way, and holds it to an end in good order. */
async function ends(t: Test, way: string[], expected: { code: number; stdout?: string }): Promise<string> {
  const { code, signal, stdout, stderr } = await runChild('exit.mjs', way);
  t.equal(signal, null, stderr);
  t.equal(code, expected.code, stderr);
  if (expected.stdout !== undefined) t.equal(stdout, expected.stdout);
  return stderr;
}

t.test('process.exit() in the middle of a job does not wait for its end', async (t) => {
  await ends(t, ['job'], { code: 7, stdout: 'leaving\n' });
});

t.test('process.exit() drops queued jobs', async (t) => {
  await ends(t, ['queued'], { code: 7 });
});

t.test('process.exit() in the middle of a training', async (t) => {
  await ends(t, ['training', ...(await store(t.testdir()))], { code: 7, stdout: 'leaving\n' });
});

t.test('process.exit() within a progress callback', async (t) => {
  await ends(t, ['progress'], { code: 7, stdout: '' });
});

t.test('an uncaught exception in the middle of a job', async (t) => {
  t.match(await ends(t, ['uncaught'], { code: 1 }), /thrown on purpose/);
});

t.test('an open session does not keep the process alive', async (t) => {
  await ends(t, ['idle', ...(await store(t.testdir()))], { code: 0, stdout: 'idle\n' });
});

t.test('a job that runs does', async (t) => {
  await ends(t, ['pending'], { code: 0, stdout: 'the job ended\n' });
});
