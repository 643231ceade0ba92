/** Synthetic tasks: what decides their bytes, and what is refused. */
import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { type SyntheticTask, synthesize } from '../../lib/synthesize.js';
import { runChild } from '../helpers/child.js';

const options = { seed: 11, task: 3, size: 64, count: 5 };

function digest({ subjects, traits }: SyntheticTask): string {
  const hash = createHash('sha256').update(JSON.stringify(traits));
  for (const { image, mask } of subjects) hash.update(image).update(mask);
  return hash.digest('hex');
}

t.test('the same seed, task, subject and size give the same bytes', async (t) => {
  const tasks = [0, 1, 2, 3, 4, 5, 6, 7];
  const once = await Promise.all(tasks.map((task) => synthesize({ ...options, task })));
  const again = await Promise.all([...tasks].reverse().map((task) => synthesize({ ...options, task })));
  t.same(once.map(digest), again.reverse().map(digest), 'in another order');
  for (const [k, task] of tasks.entries()) {
    const late = await synthesize({ ...options, task, first: 3, count: 2 });
    t.same(late.subjects, once[k]!.subjects.slice(3), 'subjects do not depend on one another');
  }
  t.equal(new Set(once.map(digest)).size, tasks.length, 'tasks differ');
  const other = await synthesize({ ...options, seed: 12 });
  t.not(digest(other), digest(once[3]!), 'seeds differ');
});

t.test('another process paints the same', async (t) => {
  const here = digest(await synthesize(options));
  const result = await runChild('synthesize.mjs', [JSON.stringify(options)]);
  t.equal(result.stdout.trim(), here);
});

t.test('threads that paint at the same time do not disturb one another', async (t) => {
  const script = new URL('../process/children/synthesize.mjs', import.meta.url);
  const paint = async (task: number): Promise<string> => {
    const worker = new Worker(script, {
      argv: [JSON.stringify({ ...options, task })],
      stdout: true,
      execArgv: [],
    });
    let text = '';
    for await (const chunk of worker.stdout) text += String(chunk);
    return text;
  };
  const together = await Promise.all([3, 4, 3].map(paint));
  const alone = [digest(await synthesize(options)), digest(await synthesize({ ...options, task: 4 }))];
  t.same(together, [alone[0], alone[1], alone[0]]);
});

t.test('pictures have the shape they claim', async (t) => {
  const seen = new Set<number>();
  for (let task = 0; task < 30; task++) {
    const { traits, subjects, size } = await synthesize({ ...options, task, count: 1 });
    seen.add(traits.channels);
    t.equal(size, 64);
    t.equal(subjects[0]!.image.length, 64 * 64 * traits.channels);
    t.equal(subjects[0]!.mask.length, 64 * 64);
    t.ok(subjects[0]!.mask.every((value) => value <= 1));
    t.ok(new Set(subjects[0]!.image).size > 16, 'a picture, not a plain area');
  }
  t.same([...seen].sort(), [1, 3]);
  const traits = await synthesize({ ...options, count: 0 });
  t.same(traits.subjects, []);
  t.match(traits.traits, { family: String, target: String, aligned: Boolean, border: Boolean });
});

t.test('what does not fit is refused with a remedy', async (t) => {
  const code = 'ERR_INVALID_ARG';
  for (const size of [31, 24, 100, 1032, 64.5])
    await t.rejects(synthesize({ size }), {
      code,
      message: /options\.size must be a multiple of 8 from 32 to 1024/,
    });
  await t.rejects(synthesize({ seed: -1 }), { code, message: /options\.seed must be an integer from 0/ });
  await t.rejects(synthesize({ task: 2 ** 53 }), { code, message: /options\.task/ });
  await t.rejects(synthesize({ count: 5000 }), { code, message: /options\.count/ });
  await t.rejects(synthesize({ size: 1024, count: 100 }), { code, message: /ask in parts/ });
  await t.rejects(synthesize({ colour: 1 } as object), { code, message: /no option "colour"/ });
  const reason = new Error('enough');
  await t.rejects(synthesize({ signal: AbortSignal.abort(reason) }), reason);
});
