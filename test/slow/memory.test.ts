/** Models are freed: by close(), and by the garbage collector where nobody closes them. */
import t from 'tap';
import { runChild } from '../helpers/child.js';

const MODEL_MEGABYTES = 12;
const ROUNDS = 30;

for (const way of ['close', 'gc']) {
  t.test(`${way === 'close' ? 'closed' : 'dropped'} sessions give their memory back`, async (t) => {
    const { code, stdout, stderr } = await runChild('leak.mjs', [way], { nodeArgs: ['--expose-gc'] });
    t.equal(code, 0, stderr);
    const { before, after, external } = JSON.parse(stdout) as Record<string, number>;
    const gained = after! - before!;
    // A leak of one model in five would gain 72 MB.
    t.ok(gained < (ROUNDS * MODEL_MEGABYTES) / 5, `gained ${gained.toFixed(1)} MB over ${ROUNDS} models`);
    t.ok(external! < 3 * MODEL_MEGABYTES, `V8 counts ${external?.toFixed(1)} MB of external memory`);
  });
}
