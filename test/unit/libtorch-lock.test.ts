import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { withLock } from '../../scripts/libtorch/cache.mjs';
import { bareEnv, pythonFolder, writeTorchWheel } from '../helpers/fake-torch.js';

const resolver = join(import.meta.dirname, '../../scripts/libtorch/main.mjs');

t.test('of two processes one downloads and both get the result', async (t) => {
  const folder = t.testdir();
  const PATH = pythonFolder(join(folder, 'bin'));
  const wheels = join(folder, 'wheels');
  writeTorchWheel(wheels, {});
  const env = bareEnv(folder, { PATH, PIP_FIND_LINKS: wheels });
  const start = () => promisify(execFile)(process.execPath, [resolver, '--json'], { env });
  const results = (await Promise.all([start(), start()])).map(({ stdout }) => JSON.parse(stdout));
  t.same(results.map(({ source }) => source).sort(), ['cache', 'pip']);
  t.equal(results[0].path, results[1].path);
  const downloads = readFileSync(join(PATH, 'pip.log'), 'utf8').trim().split('\n');
  t.equal(downloads.length, 1);
  t.same(readdirSync(join(folder, 'cache')), ['libtorch-2.13.0-cpu']);
});

t.test('the lock is held while the work runs and let go when it fails', async (t) => {
  const entry = join(t.testdir(), 'entry');
  const order: string[] = [];
  const said: string[] = [];
  const first = withLock(
    entry,
    () => {},
    async () => {
      order.push('first starts');
      await new Promise((resolve) => setTimeout(resolve, 100));
      order.push('first fails');
      throw new Error('no luck');
    },
  );
  const second = withLock(
    entry,
    (message) => said.push(message),
    async () => void order.push('second'),
  );
  await t.rejects(first, { message: 'no luck' });
  await second;
  t.same(order, ['first starts', 'first fails', 'second']);
  t.match(said.join(), /waiting for another process that holds .*entry\.lock/);
});
