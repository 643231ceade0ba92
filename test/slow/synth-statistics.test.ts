/** What synthetic tasks are like: areas, overlap, how far one threshold gets, warps, resolutions. */
import t from 'tap';
import { type SyntheticTask, synthesize } from '../../lib/synthesize.js';
import { area, bestThreshold, coarsen, dice, mean, median, overlap, share } from '../helpers/synthetic.js';

const TASKS = 200;
const tasks: SyntheticTask[] = [];
for (let task = 0; task < TASKS; task++) tasks.push(await synthesize({ seed: 5, task, size: 64, count: 4 }));
const areas = tasks.map(({ subjects }) => mean(subjects.map(({ mask }) => area(mask))));

t.test('masks are neither empty nor nearly everything', async (t) => {
  const draws = tasks.flatMap(({ subjects }) => subjects.map(({ mask }) => area(mask)));
  t.ok(share(draws, (value) => value >= 0.0015 && value <= 0.65) >= 0.97);
  t.ok(share(draws, (value) => value === 0) < 0.01);
});

t.test('targets are small and large', async (t) => {
  t.ok(share(areas, (value) => value > 0.003 && value < 0.03) >= 0.2, 'many below 3 %');
  t.ok(share(areas, (value) => value >= 0.03 && value < 0.1) >= 0.2);
  t.ok(share(areas, (value) => value >= 0.1) >= 0.15);
});

t.test('families, alignment and colour', async (t) => {
  t.equal(new Set(tasks.map(({ traits }) => traits.family)).size, 12);
  const aligned = share(tasks, ({ traits }) => traits.aligned);
  t.ok(aligned > 0.45 && aligned < 0.65, `aligned: ${aligned}`);
  const colour = share(tasks, ({ traits }) => traits.channels === 3);
  t.ok(colour > 0.1 && colour < 0.35, `colour: ${colour}`);
});

t.test('subjects of an aligned task overlap, but do not coincide', async (t) => {
  // Organs change their size by a factor between patients and slice levels on purpose, and thin structures and
  // lesions never overlap much: the bounds are for organs and regions of some size.
  const wide = tasks.filter(
    ({ traits }, i) =>
      traits.aligned &&
      !traits.border &&
      areas[i]! > 0.02 &&
      /^(organ|one of a pair|pair|cavity|union|region|ventricles|body)$/.test(traits.target),
  );
  t.ok(wide.length > 25);
  const overlaps = wide.map(overlap);
  t.ok(share(overlaps, (value) => value >= 0.4 && value <= 0.95) >= 0.8);
  t.ok(share(overlaps, (value) => value >= 0.25) >= 0.93);
  t.ok(share(overlaps, (value) => value > 0.95) < 0.03);
  const unaligned = tasks.filter(({ traits }) => !traits.aligned).map(overlap);
  t.ok(median(overlaps) > 2 * median(unaligned));
});

t.test('one grey threshold solves few tasks', async (t) => {
  const scores = tasks.map(bestThreshold);
  t.ok(share(scores, (value) => value > 0.9) < 0.5);
  t.ok(share(scores, (value) => value > 0.9) > 0.005, 'some are that easy, as real ones are');
});

t.test('warps do not fold', async (t) => {
  t.ok(mean(tasks.map(({ traits }) => traits.folded)) <= 0.001);
});

t.test('sizes show the same task', async (t) => {
  for (const size of [128, 256]) {
    const scores: number[] = [];
    for (let task = 0; task < 24; task++) {
      const large = await synthesize({ seed: 5, task, size, count: 2 });
      large.subjects.forEach(({ mask }, i) => {
        scores.push(dice(coarsen(mask, size, size / 64), tasks[task]!.subjects[i]!.mask));
      });
    }
    t.ok(median(scores) > 0.8, `median Dice ${median(scores)} at ${size}`);
  }
});
