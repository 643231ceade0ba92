/** Full-size models, with weights made by the fixtures' recipe: minutes of work, up to 4 GiB. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { runParity, SLOW_SUITES } from '../../lib/parity.js';

const folder = fileURLToPath(new URL('../fixtures', import.meta.url));

for (const suite of SLOW_SUITES) {
  t.test(`${suite} holds its reference values`, async (t) => {
    const rows = await runParity(folder, suite);
    t.equal(rows.length, 12, 'the embedding and five prompt cases were compared');
    for (const row of rows) t.ok(row.pass, `${row.name}: ${row.maxDiff} is at most ${row.tolerance}`);
  });
}
