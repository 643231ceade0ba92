/** What `auto` tries, and when it prefers what; on a session that needs no model. */
import t from 'tap';
import { GmisegError } from '../../lib/errors.js';
import type { SegmenterInfo } from '../../lib/segmenter.js';
import { candidatesFor, inputSizes, withEnsemble } from '../../lib/task/candidates.js';
import { ceiling } from '../../lib/task/ceiling.js';
import { chooseRecipe } from '../../lib/task/choose.js';
import { canonical, type PreparedExample } from '../../lib/task/example.js';
import { firstParts, fitLabel, MOST_TILES } from '../../lib/task/fit.js';
import { Gallery } from '../../lib/task/gallery.js';
import { type TaskOptions, taskSettings } from '../../lib/task/options.js';
import { withChannels } from '../../lib/task/picture.js';
import { makeExample } from '../../lib/task/prepare-examples.js';
import type { FitOptions } from '../../lib/task/recipe.js';
import { margin, type Trial, winner } from '../../lib/task/trial.js';
import { type FakeDice, FakeSession } from '../helpers/fake-session.js';
import { type Disc, scene } from '../helpers/tasks.js';

function example(
  at: number,
  size: { width: number; height: number },
  disc: Partial<Disc> = {},
): PreparedExample {
  const { image, mask } = scene([{ x: 20 + at, y: 20, r: 9, ...disc }], { ...size, seed: at });
  const name = `e${at}`;
  return makeExample({ name, source: name, group: name, axis: null, index: null }, image, mask.data, null);
}

const many = (
  count: number,
  size: { width: number; height: number },
  disc?: Partial<Disc>,
): PreparedExample[] => canonical(Array.from({ length: count }, (_, at) => example(at, size, disc)));

async function choose(
  examples: PreparedExample[],
  dice: FakeDice,
  options: TaskOptions = {},
  {
    hasTaskEncoder = true,
    imageSize = 64,
    sizes = [undefined],
    blind,
  }: {
    hasTaskEncoder?: boolean;
    imageSize?: number;
    sizes?: (number | undefined)[];
    blind?: (fit: FitOptions) => boolean;
  } = {},
) {
  const session = new FakeSession(dice, blind);
  const gallery = new Gallery();
  const context = {
    work: session.work(),
    gallery,
    // What local contrast adds has a test of its own.
    settings: taskSettings({ look: 'given', ...options }),
    hasTaskEncoder,
    imageSize,
    lowResSize: imageSize / 2,
    sizes,
  };
  const choice = await chooseRecipe(context, examples, 1);
  const kept = gallery.size;
  return { choice, session, kept };
}

/** A threshold far below the other engines, so that nobody thinks of their mean. */
const apart =
  (dice: number): FakeDice =>
  ({ engine }) =>
    engine === 'threshold' ? dice - 0.3 : dice;

const SMALL = { width: 48, height: 40 };

t.test('one example: the first candidate, on the whole picture, without a trial', async (t) => {
  const { choice, session } = await choose(many(1, SMALL), () => 1);
  t.same(choice.recipe, {
    view: 'whole',
    first: { engine: 'learned', output: 'mean' },
    partner: null,
    second: null,
    flips: false,
  });
  t.same(choice.trials, []);
  t.equal(session.trials.length, 0);
  const plain = await choose(many(1, SMALL), () => 1, {}, { hasTaskEncoder: false });
  t.same(plain.choice.recipe.first, { engine: 'training-free', location: 0.5 });
});

t.test('one example that grey tells better than what has been learned: a threshold', async (t) => {
  const blind = ({ engine }: FitOptions): boolean => engine === 'learned';
  const { choice } = await choose(many(1, SMALL), () => 1, {}, { blind });
  t.match(choice.recipe, { view: 'whole', first: { engine: 'threshold' }, second: null });
  t.same(choice.trials, []);
  const equal = await choose(many(1, SMALL), () => 1);
  t.equal(equal.choice.recipe.first.engine, 'learned', 'as well is not better');
  const forced = await choose(many(1, SMALL), () => 1, { engine: 'learned' }, { blind });
  t.equal(forced.choice.recipe.first.engine, 'learned');
  const tiled = await choose(many(1, SMALL), () => 1, { view: 'tiles-2' }, { blind });
  t.match(tiled.choice.recipe, { view: 'tiles-2', first: { engine: 'threshold' } });
});

t.test('one example of what is thin: a size, or tiles, that can show it', async (t) => {
  const ring = (width: number): PreparedExample => {
    const side = 200;
    const mask = new Uint8Array(side * side);
    for (let at = 0; at < mask.length; at++) {
      const out = Math.hypot((at % side) - 100, Math.floor(at / side) - 100);
      mask[at] = out >= 45 && out < 45 + width ? 1 : 0;
    }
    const image = { data: mask.map((each) => 255 * each), width: side, height: side, channels: 1 as const };
    return makeExample({ name: 'e', source: 'e', group: 'e', axis: null, index: null }, image, mask, null);
  };
  t.equal(ceiling(ring(3), 1, 200), 1, 'a grid of the pixels themselves');
  const ceilings = [100, 50, 25].map((grid) => ceiling(ring(3), 1, grid));
  t.ok(ceilings[0]! > 0.9 && ceilings[0]! > ceilings[1]! && ceilings[1]! > ceilings[2]!, String(ceilings));
  t.ok(ceilings[2]! < 0.6);
  t.ok(ceiling(ring(30), 1, 25) > 0.9);
  const ways: [number, TaskOptions, object][] = [
    [30, {}, { view: 'whole', first: { size: 64 } }],
    [4, {}, { view: 'whole', first: { size: undefined } }],
    [1, {}, { view: 'tiles-2', first: { size: undefined } }],
    [1, { view: 'whole' }, { view: 'whole', first: { size: undefined } }],
    [4, { view: 'tiles-2' }, { view: 'tiles-2', first: { size: 64 } }],
    [1, { inputSize: 64 }, { view: 'whole', first: { size: 64 } }],
  ];
  for (const [width, options, want] of ways) {
    const sizes = options.inputSize === undefined ? [64, undefined] : [64];
    const { choice } = await choose([ring(width)], () => 1, options, { imageSize: 128, sizes });
    t.match(choice.recipe, want, `${width} pixels wide, ${JSON.stringify(options)}`);
  }
});

t.test('one example of what lies all over the picture: by its quarters', async (t) => {
  const lines = (side: number): PreparedExample => {
    const mask = Uint8Array.from({ length: side * side }, (_, at) => ((at % side) % 12 < 3 ? 1 : 0));
    const image = { data: mask.map((each) => 255 * each), width: side, height: side, channels: 1 as const };
    return makeExample({ name: 'e', source: 'e', group: 'e', axis: null, index: null }, image, mask, null);
  };
  const dice: FakeDice = ({ engine, output }, _size, _group, cutoff, { radius }) =>
    (engine === 'learned' && output === 'dense' ? 0.6 : 0.4) +
    (radius === undefined ? 0 : 0.2) +
    (cutoff === 0.3 ? 0.05 : 0);
  const auto = { look: 'auto', engine: 'auto' } as const;
  const { choice, session, kept } = await choose([lines(199)], dice, auto, { imageSize: 128 });
  t.match(choice.recipe, {
    view: 'tiles-2',
    first: { engine: 'learned', output: 'dense', look: 'flat', cutoff: 0.3 },
    second: null,
  });
  t.same(choice.trials, [], 'quarters say nothing of new pictures');
  const [first] = session.trials;
  t.same(
    first!.examples.map(({ embedding, group }) => [embedding.imageWidth, embedding.imageHeight, group]),
    [
      [99, 99, 0],
      [100, 99, 1],
      [99, 100, 2],
      [100, 100, 3],
    ],
  );
  t.ok(!session.trials.some(({ candidates }) => candidates.some(({ engine }) => engine === 'copy')));
  t.same(
    new Set(session.looks.flatMap(({ radius }) => (radius === undefined ? [] : [radius]))),
    new Set([7]),
    'surroundings are those of the whole picture',
  );
  t.equal(kept, 0);
  t.equal(session.open, 0, 'quarters are let go of');
  const grey = await choose([lines(199)], ({ engine }) => (engine === 'threshold' ? 0.9 : 0.5), auto, {
    imageSize: 128,
  });
  t.match(grey.choice.recipe, { view: 'whole', first: { engine: 'threshold' } });
  const small = await choose([lines(96)], dice, auto, { imageSize: 128 });
  t.match(
    small.choice.recipe,
    { view: 'whole', first: { output: 'mean' } },
    'a picture that tiles cannot show better',
  );
  const forced = await choose([lines(199)], dice, { ...auto, view: 'whole' }, { imageSize: 128 });
  t.match(forced.choice.recipe, { view: 'whole', first: { output: 'mean' } });
});

t.test('near equals: the one to trust first; a clear gain: the better one', async (t) => {
  const equal = await choose(many(6, SMALL), ({ engine }) => (engine === 'threshold' ? 0.995 : 0.99));
  t.equal(equal.choice.recipe.first.engine, 'learned');
  t.equal(equal.session.trials.length, 1, 'small pictures of large targets: whole pictures only');
  t.same(
    equal.session.trials[0]!.candidates.map(({ engine, output, location, scale }) => [
      engine,
      output ?? location ?? scale,
    ]),
    [
      ['learned', 'mean'],
      ['learned', 'dense'],
      ['learned', 'refined'],
      ['threshold', 'given'],
      ['threshold', 'stretched'],
      ['threshold', 'relative'],
      ['copy', undefined],
    ],
  );
  const clear = await choose(many(6, SMALL), ({ engine }) => (engine === 'threshold' ? 0.99 : 0.8));
  t.equal(clear.choice.recipe.first.engine, 'threshold');
});

t.test('two engines that are near each other: their mean is tried as well', async (t) => {
  // The fake engines find bright pixels, so their mean does too, whatever the trial says of each.
  const near = await choose(many(6, SMALL), ({ engine }) => (engine === 'threshold' ? 0.75 : 0.8));
  t.match(near.choice.recipe, {
    view: 'whole',
    first: { engine: 'learned' },
    partner: { engine: 'threshold', scale: 'given' },
  });
  t.equal(near.session.fits.length, 12, 'two fits for each that is left out');
  const far = await choose(many(6, SMALL), ({ engine }) => (engine === 'threshold' ? 0.5 : 0.8));
  t.equal(far.choice.recipe.partner, null);
  t.equal(far.session.fits.length, 0);
  const forced = await choose(many(6, SMALL), apart(0.8), { partner: 'threshold' });
  t.same(forced.choice.recipe.partner, { engine: 'threshold' });
  const none = await choose(many(6, SMALL), ({ engine }) => (engine === 'threshold' ? 0.75 : 0.8), {
    partner: 'none',
  });
  t.equal(none.choice.recipe.partner, null);
});

t.test('a task encoder trained at several sizes: each is tried, and the best two together', async (t) => {
  const large = { width: 200, height: 160 };
  const bySize: FakeDice = ({ engine, size }) => (engine === 'threshold' ? 0.2 : size === 128 ? 0.8 : 0.6);
  const options = { imageSize: 256, sizes: [undefined, 128, 64] };
  const { choice, session } = await choose(many(5, large, { r: 30, x: 60, y: 60 }), bySize, {}, options);
  t.equal(choice.recipe.first.size, 128);
  t.same(
    session.trials.map(({ candidates }) => [...new Set(candidates.map(({ size }) => size))]),
    [[undefined], [128], [64]],
    'pictures of one size at a time',
  );
  t.same(new Set(session.looks.map(({ side }) => side)), new Set([0, 128, 64]));
  // 0.6 is too far from 0.8; nearer sizes are averaged, and the fake's mean is perfect.
  const near: FakeDice = ({ engine, size }) => (engine === 'threshold' ? 0.2 : size === 128 ? 0.8 : 0.75);
  const pair = await choose(many(5, large, { r: 30, x: 60, y: 60 }), near, {}, options);
  t.equal(pair.choice.recipe.first.size, 128);
  t.match(pair.choice.recipe.partner, { engine: 'learned' });
  t.equal(pair.choice.recipe.partner!.size, undefined, "the model's own, as the first of equals");
});

t.test('cutoffs: another than one half only for a clear gain, and of graded answers only', async (t) => {
  const timid: FakeDice = ({ engine }, _size, _group, cutoff) =>
    engine === 'threshold' ? (cutoff === 0.7 ? 1 : 0.4) : cutoff === 0.3 ? 0.8 : 0.7;
  const { choice } = await choose(many(6, SMALL), timid);
  t.match(choice.recipe.first, { engine: 'learned', output: 'mean', cutoff: 0.3 });
  const even = await choose(many(6, SMALL), ({ engine }, _size, _group, cutoff) =>
    engine === 'threshold' ? 0.4 : cutoff === 0.3 ? 0.705 : 0.7,
  );
  t.equal(even.choice.recipe.first.cutoff, undefined);
  const forced = await choose(many(6, SMALL), timid, { cutoff: 0.65 });
  t.equal(forced.choice.recipe.first.cutoff, 0.65);
  const alone = await choose(many(1, SMALL), timid, { cutoff: 0.65 });
  t.equal(alone.choice.recipe.first.cutoff, 0.65, 'without anything to choose by');
});

t.test(
  'local contrast: where the pictures as they are do not do well already, for a clear gain',
  async (t) => {
    const large = { width: 280, height: 160 };
    const faint: FakeDice = ({ engine }, _size, _group, _cutoff, { radius = 0 }) =>
      engine === 'threshold' ? 0.2 : radius > 0 ? 0.8 : 0.6;
    const disc = { r: 40, x: 100, y: 80 };
    const options = { imageSize: 512, sizes: [undefined, 128] };
    const { choice, session } = await choose(many(5, large, disc), faint, { look: 'auto' }, options);
    t.match(choice.recipe.first, { engine: 'learned', look: 'flat' });
    t.notMatch(choice.recipe.first, { size: 128 }, 'at the size that did best');
    const flat = session.looks.filter(({ radius = 0 }) => radius > 0);
    t.ok(flat.length > 0 && flat.every(({ radius, channel }) => radius === 10 && channel === -1), '280 / 28');
    t.ok(
      session.fits.every(({ options }) => !('look' in options)),
      'the addon is given pictures, and need not know how they were made',
    );
    const good: FakeDice = ({ engine }, _size, _group, _cutoff, { radius = 0 }) =>
      engine === 'threshold' ? 0.2 : radius > 0 ? 0.99 : 0.9;
    t.equal((await choose(many(5, large, disc), good, { look: 'auto' })).choice.recipe.first.look, undefined);
    const grey: FakeDice = ({ engine }, _size, _group, _cutoff, { radius = 0 }) =>
      engine === 'threshold' && radius > 0 ? 0.8 : 0.4;
    const threshold = await choose(many(5, large, disc), grey, { look: 'auto', partner: 'none' });
    t.match(threshold.choice.recipe.first, { engine: 'threshold', look: 'flat' });
    const forced = await choose(many(5, large, disc), faint, { look: 'flat' }, options);
    t.ok(forced.session.looks.every(({ radius }) => radius === 10));
    t.equal(forced.choice.recipe.first.look, 'flat');
    const alone = await choose(many(1, large, disc), faint, { look: 'flat' });
    t.equal(alone.choice.recipe.first.look, 'flat', 'without anything to choose by');
    const colours = many(5, large, disc).map((each) => ({
      ...each,
      picture: withChannels(each.picture, 3),
    }));
    const green: FakeDice = ({ engine }, _size, _group, _cutoff, { channel }) =>
      engine === 'threshold' ? 0.2 : channel === 1 ? 0.8 : 0.6;
    t.equal((await choose(colours, green, { look: 'auto' })).choice.recipe.first.look, 'flat-green');
  },
);

t.test('sizes: those that the model was trained at, or the one that is asked for', async (t) => {
  const info = { imageSize: 256, taskEncoder: { sizes: [64, 128, 256] } } as unknown as SegmenterInfo;
  t.same(inputSizes(taskSettings({}), info), [128, undefined, 64], 'the middle one first');
  t.same(inputSizes(taskSettings({ inputSize: 64 }), info), [64]);
  t.same(inputSizes(taskSettings({ inputSize: 256 }), info), [undefined]);
  t.throws(() => inputSizes(taskSettings({ inputSize: 96 }), info), {
    code: 'ERR_INVALID_ARG',
    message: /128, 256, 64 pixels/,
  });
  t.same(inputSizes(taskSettings({}), { ...info, taskEncoder: null }), [undefined]);
});

t.test(
  'the mask of the most similar example is always tried, what is slow only where all else is poor',
  async (t) => {
    const told =
      (copy: number, learned: number): FakeDice =>
      ({ engine }) =>
        engine === 'copy' ? copy : engine === 'threshold' ? 0.1 : engine === 'training-free' ? 0.2 : learned;
    const better = await choose(many(6, SMALL), told(0.95, 0.8));
    t.equal(better.choice.recipe.first.engine, 'copy');
    const slices = many(8, SMALL).map((each, at) => ({ ...each, group: 'v', index: at }));
    const volume = await choose(slices, told(0.95, 0.8));
    t.equal(volume.choice.recipe.first.engine, 'learned', 'neighbours in a single volume are no evidence');
    const worse = await choose(many(6, SMALL), told(0.5, 0.8));
    t.equal(worse.choice.recipe.first.engine, 'learned');
    const tried = ({ session }: typeof worse): string[] =>
      session.trials.flatMap(({ candidates }) => candidates.map(({ engine }) => engine));
    t.notOk(tried(worse).includes('training-free'));
    t.ok(tried(await choose(many(6, SMALL), told(0.1, 0.3))).includes('training-free'));
  },
);

t.test('tiles: on large pictures, where whole ones do not do well already', async (t) => {
  const large = { width: 200, height: 160 };
  const tiled: FakeDice = ({ engine }, { width }) =>
    engine === 'threshold' ? 0.2 : width === 200 ? 0.6 : width > 100 ? 0.75 : 0.74;
  const { choice, session, kept } = await choose(many(5, large, { r: 30, x: 60, y: 60 }), tiled);
  t.equal(choice.recipe.view, 'tiles-2');
  t.equal(kept, 5, 'tiles are let go, whole pictures are kept');
  t.ok(
    session.trials.some(({ examples }) => examples[0]!.embedding.imageWidth < 100),
    '4 x 4 was tried too',
  );
  const good = await choose(many(5, large, { r: 30, x: 60, y: 60 }), apart(0.92));
  t.equal(good.session.trials.length, 1);
  const fits = await choose(many(5, large, { r: 30, x: 60, y: 60 }), tiled, {}, { imageSize: 256 });
  t.equal(fits.choice.recipe.view, 'whole', 'a picture no larger than the input');
  const grey = await choose(many(5, large, { r: 30, x: 60, y: 60 }), ({ engine }) =>
    engine === 'threshold' ? 0.8 : 0.5,
  );
  t.same([grey.choice.recipe.view, grey.choice.recipe.first.engine], ['whole', 'threshold']);
  const tiles = grey.session.trials
    .slice(1)
    .flatMap(({ candidates }) => candidates.map(({ engine }) => engine));
  t.same(tiles, ['learned'], 'a threshold sees no more in a part, what has been learned may');
});

t.test('tiles of one picture are one case', async (t) => {
  const { session } = await choose(many(3, { width: 200, height: 160 }, { r: 30, x: 60, y: 60 }), apart(0.5));
  const tiles = session.trials.find(({ examples }) => examples.length === 12)!;
  t.same(new Set(tiles.examples.map(({ group }) => group)).size, 3);
});

t.test('small targets: a second look, from the supports cropped round their masks', async (t) => {
  const wide = { width: 120, height: 100 };
  const { choice, session } = await choose(many(5, wide, { r: 6 }), apart(0.5), {}, { imageSize: 128 });
  // The fake engine finds bright pixels, so both passes of the crop are right and the trial of whole pictures is not.
  t.equal(choice.recipe.view, 'crop');
  t.same(choice.recipe.second, choice.recipe.first);
  const crop = session.fits.find(({ examples }) => examples[0]!.embedding.imageWidth < 120);
  t.equal(crop?.examples.length, 4, 'fitted to the others');
  t.ok(crop?.examples.every(({ mask }) => mask.includes(1)));
  const large = await choose(many(5, wide, { r: 30, x: 50, y: 50 }), apart(0.5), {}, { imageSize: 128 });
  t.equal(large.choice.recipe.view, 'whole');
  t.equal(large.session.fits.length, 0);
});

t.test('no more than 16 sources are left out, and slices of a volume together', async (t) => {
  const { session } = await choose(many(40, SMALL), apart(0.95));
  t.equal(session.trials[0]!.examples.length, 16);
  const slices = many(12, SMALL).map((each, at) => ({
    ...each,
    group: `v${at % 3}`,
    axis: 2 as const,
    index: at,
  }));
  const volumes = await choose(slices, apart(0.95));
  t.equal(new Set(volumes.session.trials[0]!.examples.map(({ group }) => group)).size, 3);
  const one = await choose(
    slices.map((each) => ({ ...each, group: 'v' })),
    apart(0.95),
  );
  t.equal(
    new Set(one.session.trials[0]!.examples.map(({ group }) => group)).size,
    4,
    'blocks of a single volume',
  );
});

t.test('what is forced is not tried against', async (t) => {
  for (const options of [
    { engine: 'threshold', scale: 'given', view: 'whole' },
    { engine: 'learned', output: 'dense', view: 'tiles-2' },
    { engine: 'training-free', location: 1, view: 'crop' },
  ] as const) {
    const { choice, session } = await choose(many(4, SMALL), apart(0.5), options);
    t.equal(session.trials.length, 0);
    t.match(choice.recipe, { view: options.view, first: { engine: options.engine } });
    t.equal(choice.recipe.second === null, options.view !== 'crop');
  }
  const open = await choose(many(4, SMALL), ({ location }) => (location === 1 ? 0.9 : 0.5), {
    engine: 'training-free',
    view: 'crop',
  });
  t.match(open.choice.recipe, { view: 'crop', first: { location: 1 }, second: { location: 1 } });
});

t.test('candidates and ensembles', async (t) => {
  t.throws(() => candidatesFor(taskSettings({ engine: 'learned' }), false, [undefined]), {
    code: 'ERR_INVALID_ARG',
    message: /no task encoder.*training-free/s,
  });
  t.same(candidatesFor(taskSettings({ engine: 'copy' }), false, [undefined]), [{ engine: 'copy' }]);
  t.same(
    candidatesFor(taskSettings({ engine: 'training-free', location: 0.2, temperature: 0.1 }), true, [
      undefined,
    ]),
    [{ engine: 'training-free', location: 0.2, temperature: 0.1 }],
  );
  t.same(withEnsemble({ engine: 'threshold' }, taskSettings({})), { engine: 'threshold' });
  t.same(withEnsemble({ engine: 'learned' }, taskSettings({ ensemble: 4, seed: 7, subset: 3 })), {
    engine: 'learned',
    ensemble: 4,
    subset: 3,
    seed: 7,
  });
});

t.test('the margin is a standard error, within bounds', async (t) => {
  t.equal(margin([0.1, 0.1, 0.1]), 0.01);
  t.equal(margin([0.5]), 0.05);
  t.equal(margin([0.5, -0.5, 0.4, -0.2]), 0.05);
  const spread = margin([0.02, 0.06, 0.04, 0.08]);
  t.ok(Math.abs(spread - Math.sqrt(0.002 / 3 / 4)) < 1e-9, `${spread}`);
  const trial = (name: string, dice: Record<string, number>): Trial => ({
    recipe: {
      view: 'whole',
      first: { engine: 'learned' },
      partner: null,
      second: null,
      flips: false,
      name,
    } as never,
    dice: new Map(Object.entries(dice)),
  });
  const a = trial('a', { x: 0.5, y: 0.5, z: 0.9 });
  const b = trial('b', { x: 0.6, y: 0.6 });
  t.equal(winner([a, b]), b, 'compared where both were tried');
  t.equal(winner([a, trial('c', { q: 1 })]), a, 'nothing in common proves nothing');
  t.equal(
    winner([a, trial('d', { x: Number.NaN, y: Number.NaN, z: 0.95 })]),
    winner([a, trial('d', { z: 0.95 })]),
  );
});

t.test('a task of many tiles keeps those that show the target, and some that do not', async (t) => {
  const examples = many(20, { width: 160, height: 120 }, { r: 8 });
  const parts = firstParts(examples, 1, 4);
  t.equal(parts.length, MOST_TILES);
  const showing = firstParts(examples.slice(0, 1), 1, 4).filter(({ shows }) => shows).length * 20;
  t.ok(parts.filter(({ shows }) => shows).length >= Math.min(96, showing * 0.8));
  t.ok(parts.some(({ shows }) => !shows));
});

t.test('fits that fail leave nothing open', async (t) => {
  const session = new FakeSession();
  let closed = 0;
  session.defineTask = (examples, json) => {
    if (JSON.parse(json).engine === 'threshold') {
      return {
        promise: Promise.reject({ code: 'ERR_OUT_OF_MEMORY', message: 'no', native: '' }),
        abort: () => {},
      };
    }
    const close = (): void => {
      closed += 1;
    };
    return {
      promise: Promise.resolve({ examples: examples.length, describe: () => '{}', close }),
      abort: () => {},
    };
  };
  const recipe = {
    view: 'crop',
    first: { engine: 'learned' },
    partner: null,
    second: { engine: 'threshold' },
    flips: false,
  } as const;
  const error = await fitLabel(session.work(), new Gallery(), many(2, SMALL), 1, recipe).catch(
    (reason) => reason,
  );
  t.ok(error instanceof GmisegError);
  t.equal(closed, 1);
});

t.test('what is encoded is encoded once, and let go of again', async (t) => {
  const session = new FakeSession();
  const [work, gallery] = [session.work(), new Gallery()];
  const pictures = many(40, SMALL).map((each) => each.picture);
  const whole = { x: 0, y: 0, ...SMALL };
  const part = { x: 4, y: 4, width: 20, height: 20 };
  for (const picture of pictures) {
    const first = await gallery.get(work, picture, whole);
    t.equal(await gallery.get(work, picture, whole), first);
    await gallery.get(work, picture, whole, { mirrored: true });
    await gallery.get(work, picture, part);
  }
  t.equal(session.encoded.length, 120);
  await gallery.get(work, pictures[0]!, whole);
  gallery.limit(10);
  t.equal(session.open, 10);
  await gallery.get(work, pictures[0]!, whole);
  t.equal(session.encoded.length, 120, 'what was used last is still there');
  for (const picture of pictures) await gallery.get(work, picture, whole);
  gallery.settle();
  t.equal(session.open, 32, 'whole pictures, and not too many');
  gallery.retain((picture) => picture === pictures[39]);
  t.equal(session.open, 1);
  gallery.close();
  t.equal(session.open, 0);
});
