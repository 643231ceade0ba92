/** What check() says: numbers, misfits, advice. */
import t from 'tap';
import { Segmenter } from '../../lib/segmenter.js';
import { misfitsOf } from '../../lib/task/misfits.js';
import { makeExample } from '../../lib/task/prepare-examples.js';
import { deviation, interval, mean, median, robustScores } from '../../lib/task/statistics.js';
import { TINY_WEIGHTS } from '../helpers/models.js';
import { discs, type Scene, scene } from '../helpers/tasks.js';

t.test('statistics', async (t) => {
  t.equal(mean([1, Number.NaN, 3]), 2);
  t.equal(median([5, 1, Number.NaN, 3]), 3);
  t.equal(median([1, 2]), 1.5);
  t.ok(Number.isNaN(median([])));
  t.equal(deviation([1, 1, 1]), 0);
  t.equal(interval([0.5]), null);
  const [low, high] = interval([0.8, 0.9, 0.7, 0.85])!;
  const half = (3.18 * deviation([0.8, 0.9, 0.7, 0.85])) / 2;
  t.ok(Math.abs(low - (0.8125 - half)) < 1e-9 && Math.abs(high - (0.8125 + half)) < 1e-9, `${low} ${high}`);
  t.same(interval([0.99, 0.9])![1], 1, 'within [0, 1]');
  t.same(robustScores([1, 1, 1, 2], 0.5), [0, 0, 0, 2]);
});

t.test('misfits: wrong mask, wrong size, other window, blank; and none among their like', async (t) => {
  const prepared = (each: Scene, at: number) =>
    makeExample(
      { name: `${at}`, source: `${at}`, group: `${at}`, axis: null, index: null },
      each.image,
      each.mask.data,
      null,
    );
  const good = discs(8).map(prepared);
  const dice = new Map(good.map(({ digest }, at) => [digest, 0.9 + 0.01 * (at % 3)]));
  t.ok([...misfitsOf(good, 1, dice).values()].every((found) => found.length === 0));

  const poor = new Map(dice).set(good[3]!.digest, 0.4);
  t.match(misfitsOf(good, 1, poor).get(good[3]!.digest), [
    { kind: 'low-dice', message: /Dice 0\.40, where 0\.91/ },
  ]);

  const [base] = discs(1) as [Scene];
  const tiny = prepared({ ...base, mask: scene([{ x: 20, y: 15, r: 2 }]).mask }, 20);
  t.match(misfitsOf([...good, tiny], 1, dice).get(tiny.digest), [{ kind: 'mask-size' }]);
  const whole = prepared(
    { ...base, mask: { ...base.mask, data: new Uint8Array(base.mask.data.length).fill(1) } },
    21,
  );
  t.match(misfitsOf([whole], 1, dice).get(whole.digest), [{ kind: 'whole-image', message: /inverted/ }]);
  const bright = prepared(
    { ...base, image: { ...base.image, data: base.image.data.map((value) => Math.min(255, value + 70)) } },
    22,
  );
  t.match(misfitsOf([...good, bright], 1, dice).get(bright.digest), [
    { kind: 'intensity', message: /another window/ },
  ]);
  t.ok(
    [...misfitsOf(good.slice(0, 4), 1, poor).values()].every((found) => found.length === 0),
    'four are too few to say',
  );
});

t.test('check: Dice for each, an interval, misfits by name, a curve and advice', async (t) => {
  const segmenter = await Segmenter.load({ checkpoint: TINY_WEIGHTS, device: 'cpu', threads: 1 });
  t.teardown(() => segmenter.close());
  const examples = discs(8).map((each, at) => ({ ...each, name: `n${at}` }));
  const wrong = { ...examples[4]!, mask: scene([{ x: 8, y: 30, r: 8 }]).mask };
  const fractions: number[] = [];
  const task = await segmenter.defineTask(
    [
      ...examples.slice(0, 4),
      wrong,
      ...examples.slice(5),
      { ...examples[0]!, name: 'twin' },
      { ...scene([]), name: 'nothing' },
    ],
    { engine: 'threshold' },
  );
  const report = await task.check({
    onProgress: ({ stage, fraction }) => {
      if (stage === 'check') fractions.push(fraction);
    },
  });
  t.ok(fractions.every((each) => each >= 0 && each <= 1));
  const [label] = report.labels;
  t.match(label, { value: 1, name: 'foreground', axis: null, recipe: 'threshold' });
  t.ok(label!.dice! > 0.7 && label!.dice! < 1);
  t.ok(label!.interval![0] <= label!.dice! && label!.dice! <= label!.interval![1]);
  const byName = new Map(label!.examples.map((each) => [each.name, each]));
  t.equal(byName.size, 10);
  t.match(byName.get('n4'), { misfits: [{ kind: 'low-dice' }] });
  t.ok(byName.get('n1')!.dice! > 0.95);
  t.match(byName.get('twin'), { misfits: [{ kind: 'duplicate', message: /same as n0/ }] });
  t.match(byName.get('nothing'), { dice: null, truthPixels: 0, misfits: [{ kind: 'empty' }] });
  t.same([...report.misfits].sort(), ['n4', 'twin']);
  t.same(
    label!.curve.map(({ examples: count }) => count),
    [2, 4, 7],
  );
  t.equal(label!.moreHelp, false);
  t.match(label!.advice.join('\n'), /not likely to help[\s\S]*look at n4/);

  const alone = await (await segmenter.defineTask(discs(1))).check();
  t.match(alone.labels[0], {
    dice: null,
    interval: null,
    curve: [],
    moreHelp: null,
    advice: [/one example leaves nothing/],
  });
  const two = await (await segmenter.defineTask(discs(2), { engine: 'threshold' })).check();
  t.match(two.labels[0], { dice: Number, moreHelp: null, advice: [/nobody can tell yet/] });
  for (const view of ['crop', 'tiles-2'] as const) {
    const seen = await (
      await segmenter.defineTask(discs(4), { engine: 'threshold', view, flips: true })
    ).check();
    t.ok(seen.labels[0]!.dice! > 0.95, view);
  }
});
