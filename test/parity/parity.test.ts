import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { QUICK_SUITES, runParity } from '../../lib/parity.js';

const folder = join(import.meta.dirname ?? '.', '..', 'fixtures');

for (const suite of QUICK_SUITES) {
  t.test(`${suite} holds its reference values`, async (t) => {
    const rows = await runParity(folder, suite);
    t.ok(rows.length >= 4, 'something was compared');
    for (const row of rows) t.ok(row.pass, `${row.name}: ${row.maxDiff} is at most ${row.tolerance}`);
  });
}

t.test('an unknown suite and missing fixtures are typed errors', async (t) => {
  await t.rejects(runParity(folder, 'nothing'), { code: 'ERR_INVALID_ARG' });
  await t.rejects(runParity(join(folder, 'nowhere'), 'losses'), { code: 'ERR_CHECKPOINT_NOT_FOUND' });
  t.ok(existsSync(folder));
});
