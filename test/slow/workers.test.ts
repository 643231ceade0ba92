/** Several environments in one process: each has a lane of its own, and any of them may end at any time. */
import t from 'tap';
import { runChild } from '../helpers/child.js';

t.test('the main thread and four workers load and predict at once', async (t) => {
  const { code, signal, stdout, stderr } = await runChild('workers.mjs', ['all']);
  t.equal(signal, null, stderr);
  t.equal(code, 0, stderr);
  const [main, ...workers] = JSON.parse(stdout) as [string, ...{ code: number; said: string[] }[]];
  t.equal(workers.length, 4);
  for (const worker of workers) t.same(worker, { code: 0, said: [main] }, 'the same answer everywhere');
});

t.test('workers come and go where the main thread never loads', async (t) => {
  const { code, signal, stdout, stderr } = await runChild('workers.mjs', ['worker-only']);
  t.equal(signal, null, stderr);
  t.equal(code, 0, stderr);
  const rounds = stdout.trim().split('\n');
  t.equal(rounds.length, 3);
  t.match(rounds[0], /"code":0,"said":\["/);
  t.equal(new Set(rounds).size, 1, 'the same answer each time');
});

t.test('worker.terminate() in the middle of a job ends that worker only', async (t) => {
  const { code, signal, stdout, stderr } = await runChild('workers.mjs', ['terminate']);
  t.equal(signal, null, stderr);
  t.equal(code, 0, stderr);
  const [ended, after] = stdout.trim().split('\n');
  for (const worker of JSON.parse(ended!)) t.same(worker, { code: 1, said: ['working'] });
  t.match(after, /^[\d.e+-]+ \d+$/, 'the main thread still works');
});

t.test('process.exit() of a worker in the middle of a job', async (t) => {
  const { code, signal, stdout, stderr } = await runChild('workers.mjs', ['exit']);
  t.equal(signal, null, stderr);
  t.equal(code, 0, stderr);
  const [ended, after] = stdout.trim().split('\n');
  t.match(JSON.parse(ended!), [{ code: 107 }, { code: 107 }]);
  t.match(after, /^[\d.e+-]+ \d+$/);
});
