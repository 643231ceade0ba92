/** evaluate(): reference values, brute force, properties, empty masks, errors, and that the event loop stays free. */
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { distanceTransform } from '../../lib/distance-transform.js';
import { type EvaluateOptions, type Evaluation, evaluate } from '../../lib/evaluate.js';
import { METRICS } from '../../lib/evaluation/scores.js';
import { reorient } from '../../lib/image/index.js';
import { native } from '../../lib/native.js';
import { Random } from '../../lib/statistics/random.js';

/** A mask on a grid whose last axis is the fastest, as the references state theirs. */
interface Mask {
  readonly data: Uint8Array;
  readonly sizes: readonly number[];
}

/** [from, to) along each axis */
type Span = readonly [from: number, to: number];

function boxes(sizes: readonly number[], ...list: readonly (readonly Span[])[]): Mask {
  return paint(sizes, (at) =>
    list.some((box) => box.every(([from, to], axis) => at[axis]! >= from && at[axis]! < to)),
  );
}

function paint(sizes: readonly number[], inside: (at: readonly number[]) => boolean): Mask {
  const data = new Uint8Array(sizes.reduce((product, size) => product * size, 1));
  const at = sizes.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    data[i] = inside(at) ? 1 : 0;
    for (let axis = sizes.length - 1; axis >= 0 && ++at[axis]! === sizes[axis]; axis--) at[axis] = 0;
  }
  return { data, sizes };
}

/** As evaluate() takes it. */
function input({ data, sizes }: Mask) {
  if (sizes.length === 2) return { data, width: sizes[1]!, height: sizes[0]! };
  return { data, shape: [sizes[2]!, sizes[1]!, sizes[0]!] as const };
}

/** `spacing` in the order of the axes of the masks. */
function score(
  prediction: Mask,
  truth: Mask,
  spacing?: readonly number[],
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const own =
    spacing === undefined ? {} : { spacing: spacing.length === 2 ? spacing : [...spacing].reverse() };
  return evaluate(input(prediction), input(truth), { ...own, ...options });
}

function near(t: Test, found: number, expected: number, name: string, tolerance = 2e-9): void {
  t.ok(
    Math.abs(found - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${name}: ${found}, expected ${expected}`,
  );
}

const square = (r0: number, r1: number, c0: number, c1: number): readonly Span[] => [
  [r0, r1],
  [c0, c1],
];
const sphere = ([a, b, c]: readonly [number, number, number], radius: number): Mask =>
  paint([99, 99, 99], ([x, y, z]) => (x! - a) ** 2 + (y! - b) ** 2 + (z! - c) ** 2 <= radius ** 2);

const S1 = [boxes([8, 8], square(3, 6, 2, 5)), boxes([8, 8], square(2, 5, 2, 5))] as const;
const S2 = [
  boxes([10, 12], square(2, 8, 3, 9), square(9, 10, 11, 12)),
  boxes([10, 12], square(2, 8, 3, 9)),
] as const;
const cube = (sizes: readonly number[], ...spans: Span[]): Mask => boxes(sizes, spans);
const S3 = [cube([6, 7, 8], [1, 5], [2, 6], [2, 7]), cube([6, 7, 8], [1, 5], [1, 5], [1, 5])] as const;

/**
 * Twelve cases, computed with MedPy's, MONAI's and SciPy's definitions: prediction, truth, spacing, then Dice,
 * Jaccard, ASD there and back, their mean, the pooled one, HD, HD95 (larger and pooled), NSD at 1.
 */
const REFERENCES: [name: string, masks: readonly [Mask, Mask], spacing: number[], ...expected: number[]][] = [
  ['S1', S1, [1, 1], 2 / 3, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1],
  ['S1a', S1, [2, 0.5], 2 / 3, 0.5, 0.8125, 0.8125, 0.8125, 0.8125, 2, 2, 2, 0.625],
  [
    'S2',
    S2,
    [1, 1],
    ...[0.98630137, 0.972972973, 0.171692918, 0, 0.085846459, 0.087940275, 3.605551275, 0, 0, 0.975609756],
  ],
  [
    'S2a',
    S2,
    [1.5, 0.7],
    ...[0.98630137, 0.972972973, 0.174379366, 0, 0.087189683, 0.089316261, 3.661966685, 0, 0, 0.975609756],
  ],
  [
    'S3',
    S3,
    [1, 1, 1],
    ...[
      0.5,
      1 / 3,
      0.950016561,
      0.63672954,
      0.793373051,
      0.8085321,
      2.236067977,
      2.153444185,
      2,
      0.806451613,
    ],
  ],
  [
    'S3a',
    S3,
    [3, 0.8, 0.8],
    ...[0.5, 1 / 3, 0.760013249, 0.509383632, 0.634698441, 0.64682568, 1.788854382, 1.722755348, 1.6],
    0.806451613,
  ],
  [
    'S4',
    [boxes([5, 5], square(0, 2, 0, 4)), boxes([5, 5], square(0, 3, 0, 3))],
    [1, 1],
    ...[0.705882353, 0.545454545, 0.375, 0.375, 0.375, 0.375, 1, 1, 1, 1],
  ],
  [
    'S5',
    [boxes([6, 6], square(1, 4, 1, 3)), boxes([6, 6], square(1, 3, 1, 3))],
    [2, 1],
    ...[0.8, 2 / 3, 2 / 3, 0, 1 / 3, 0.4, 2, 2, 2, 0.8],
  ],
  [
    'S6',
    [boxes([128, 128], square(50, 51, 72, 73)), boxes([128, 128], square(50, 51, 70, 71))],
    [2, 1],
    ...[0, 0, 2, 2, 2, 2, 2, 2, 2, 0],
  ],
  [
    'S7',
    [boxes([9, 9], square(2, 7, 2, 7)), boxes([9, 9], square(4, 5, 4, 5))],
    [1, 1],
    ...[0.076923077, 0.04, 2.32514077, 2, 2.162570385, 2.306014842, 2.828427125, 2.828427125, 2.828427125, 0],
  ],
  [
    'M3',
    [sphere([19, 33, 22], 33), sphere([20, 33, 22], 33)],
    [1, 1, 1],
    ...[0.983961191, 0.968428747, 0.348327881, 0.352096133, 0.350212007, 0.35021747, 1, 1, 1, 1],
  ],
  [
    'M4',
    [sphere([20, 33, 22], 20), sphere([20, 33, 22], 40)],
    [1, 1, 1],
    ...[0.295721464, 0.173517097, 12.040033513, 15.911313879, 13.975673696, 15.117740827, 20.223748416],
    ...[20.099751242, 20.049937656, 0.012321792],
  ],
];
const ORDER = [
  'dice',
  'jaccard',
  'asd',
  'asdReverse',
  'assd',
  'assdPooled',
  'hd',
  'hd95Max',
  'hd95',
  'nsd',
] as const;

t.test('the twelve reference cases', async (t) => {
  t.equal(REFERENCES.length, 12);
  for (const [name, [prediction, truth], spacing, ...expected] of REFERENCES) {
    t.equal(expected.length, ORDER.length, name);
    const scores = await score(prediction, truth, spacing);
    for (const [at, metric] of ORDER.entries()) near(t, scores[metric], expected[at]!, `${name} ${metric}`);
    t.match(scores, { unit: 'mm', empty: 'none', labels: [] });
  }
  const [s7] = REFERENCES.filter(([name]) => name === 'S7');
  const [prediction, truth] = s7![1];
  near(t, (await score(prediction, truth, [1, 1], { tolerance: 2 })).nsd, 0.294117647, 'S7 NSD at 2');
});

/** Random blobs and specks, some of which touch the frame. */
function blobs(random: Random, sizes: readonly number[]): Mask {
  const centres = Array.from({ length: 1 + random.below(3) }, () => ({
    centre: sizes.map((size) => random.uniform(-1, size)),
    radius: random.uniform(1, Math.max(...sizes) / 2.5),
  }));
  return paint(
    sizes,
    (at) =>
      random.next() < 0.02 ||
      centres.some(
        ({ centre, radius }) => at.reduce((sum, x, axis) => sum + (x - centre[axis]!) ** 2, 0) < radius ** 2,
      ),
  );
}

/** The places of all voxels for which `keep` holds, in millimetres. */
function places(
  { data, sizes }: Mask,
  spacing: readonly number[],
  keep: (at: number[]) => boolean,
): number[][] {
  const out: number[][] = [];
  paint(sizes, (at) => {
    const index = at.reduce((sum, x, axis) => sum * sizes[axis]! + x, 0);
    if (data[index] === 1 && keep([...at])) out.push(at.map((x, axis) => x * spacing[axis]!));
    return false;
  });
  return out;
}

function surfacePlaces(mask: Mask, spacing: readonly number[]): number[][] {
  const { data, sizes } = mask;
  const at = (place: readonly number[]): number =>
    place.some((x, axis) => x < 0 || x >= sizes[axis]!)
      ? 0
      : data[place.reduce((sum, x, axis) => sum * sizes[axis]! + x, 0)]!;
  return places(mask, spacing, (place) =>
    sizes.some((_, axis) =>
      [-1, 1].some((step) => at(place.map((x, other) => (other === axis ? x + step : x))) === 0),
    ),
  );
}

const nearest = (from: readonly number[], to: readonly number[][]): number =>
  Math.sqrt(Math.min(...to.map((other) => other.reduce((sum, x, axis) => sum + (x - from[axis]!) ** 2, 0))));

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function percentile(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = 0.95 * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (at - Math.floor(at)) * (high - low);
}

const GRIDS: [sizes: number[], spacing: number[]][] = [
  [
    [15, 22],
    [1, 1],
  ],
  [
    [22, 9],
    [0.4, 2.1],
  ],
  [
    [2, 31],
    [3, 1],
  ],
  [
    [6, 11, 17],
    [2.5, 0.8, 0.8],
  ],
  [
    [9, 8, 7],
    [1, 1.7, 0.3],
  ],
  [
    [2, 2, 25],
    [1, 1, 1],
  ],
];

t.test('random masks against brute force', async (t) => {
  const random = new Random(5);
  for (const [sizes, spacing] of GRIDS) {
    for (let draw = 0; draw < 6; draw++) {
      const [p, g] = [blobs(random, sizes), blobs(random, sizes)];
      const scores = await score(p, g, spacing, { tolerance: 1.3 });
      const [sp, sg] = [surfacePlaces(p, spacing), surfacePlaces(g, spacing)];
      if (sp.length === 0 || sg.length === 0) continue;
      const there = sp.map((place) => nearest(place, sg));
      const back = sg.map((place) => nearest(place, sp));
      const all = [...there, ...back];
      const name = `${sizes.join('x')}, ${draw}`;
      const close = (found: number, expected: number, metric: string): void =>
        near(t, found, expected, `${name} ${metric}`, 1e-12);
      const both = p.data.reduce((sum, value, at) => sum + value * g.data[at]!, 0);
      const [np, ng] = [p, g].map(({ data }) => data.reduce((sum, value) => sum + value, 0)) as [
        number,
        number,
      ];
      close(scores.dice, (2 * both) / (np + ng), 'Dice');
      close(scores.asd, mean(there), 'ASD');
      close(scores.asdReverse, mean(back), 'reverse ASD');
      close(scores.assd, (mean(there) + mean(back)) / 2, 'ASSD');
      close(scores.assdPooled, mean(all), 'pooled ASSD');
      close(scores.hd, Math.max(...all), 'HD');
      close(scores.hd95, percentile(all), 'HD95');
      close(scores.hd95Max, Math.max(percentile(there), percentile(back)), 'HD95 max');
      close(scores.nsd, all.filter((value) => value <= 1.3 * (1 + 1e-12)).length / all.length, 'NSD');
      t.same(scores.counts, {
        truePositives: both,
        falsePositives: np - both,
        falseNegatives: ng - both,
        trueNegatives: p.data.length - np - ng + both,
      });
    }
  }
});

t.test('the distance transform against brute force', async (t) => {
  const random = new Random(6);
  for (const [sizes, spacing] of GRIDS) {
    for (const share of [0.004, 0.05, 0.6]) {
      const mask = paint(sizes, () => random.next() < share);
      const found = await distanceTransform(mask.data, [...sizes].reverse(), {
        spacing: [...spacing].reverse(),
      });
      const to = places(mask, spacing, () => true);
      const every = places({ data: new Uint8Array(mask.data.length).fill(1), sizes }, spacing, () => true);
      const expected = every.map((place) => nearest(place, to));
      const off = expected.findIndex(
        (value, at) => !(value === found[at] || Math.abs(value - found[at]!) < 1e-12),
      );
      t.equal(off, -1, `${sizes.join('x')}, ${share}: ${found[off]} instead of ${expected[off]}`);
    }
  }
  t.same([...(await distanceTransform(new Uint8Array(4), [2, 2]))], [Infinity, Infinity, Infinity, Infinity]);
});

t.test('properties', async (t) => {
  const random = new Random(7);
  for (const [sizes, spacing] of GRIDS) {
    const [p, g] = [blobs(random, sizes), blobs(random, sizes)];
    const name = sizes.join('x');
    const scores = await score(p, g, spacing);
    const swapped = await score(g, p, spacing);
    for (const metric of ['dice', 'jaccard', 'assd', 'assdPooled', 'hd', 'hd95', 'hd95Max', 'nsd'] as const)
      near(t, swapped[metric], scores[metric], `${name}: ${metric} is symmetric`, 1e-12);
    near(t, swapped.asd, scores.asdReverse, `${name}: ASD is not, it swaps`, 1e-12);
    near(t, scores.jaccard, scores.dice / (2 - scores.dice), `${name}: J = D / (2 - D)`, 1e-12);
    const larger = await score(
      p,
      g,
      spacing.map((size) => 3 * size),
      { tolerance: 3 },
    );
    for (const metric of ['assd', 'assdPooled', 'asd', 'asdReverse', 'hd', 'hd95', 'hd95Max'] as const)
      near(t, larger[metric], 3 * scores[metric], `${name}: ${metric} grows with the spacing`, 1e-12);
    for (const metric of ['dice', 'jaccard', 'nsd'] as const)
      near(t, larger[metric], scores[metric], `${name}: ${metric} does not`, 1e-12);
    const same = await score(p, p, spacing);
    if (same.empty === 'none')
      t.match(same, { dice: 1, jaccard: 1, assd: 0, asd: 0, hd: 0, hd95: 0, nsd: 1 }, `${name}: itself`);
    const padded = (mask: Mask): Mask => {
      let at = 0;
      return paint(
        sizes.map((size) => size + 4),
        (place) => {
          const inner = place.map((x) => x - 2);
          if (inner.some((x, axis) => x < 0 || x >= sizes[axis]!)) return false;
          return mask.data[at++] === 1;
        },
      );
    };
    const wide = await score(padded(p), padded(g), spacing);
    if (scores.empty === 'none')
      for (const metric of METRICS)
        near(t, wide[metric], scores[metric], `${name}: ${metric} with a wider frame`, 1e-12);
  }
});

t.test('empty masks', async (t) => {
  const none = boxes([6, 8]);
  const some = boxes([6, 8], square(1, 3, 2, 4));
  t.match(await score(none, none, [1, 1]), {
    empty: 'both',
    ...{
      dice: 1,
      jaccard: 1,
      nsd: 1,
      assd: 0,
      assdPooled: 0,
      asd: 0,
      asdReverse: 0,
      hd: 0,
      hd95: 0,
      hd95Max: 0,
    },
  });
  for (const [prediction, truth, empty] of [
    [none, some, 'prediction'],
    [some, none, 'truth'],
  ] as const) {
    const scores = await score(prediction, truth, [0.5, 1]);
    t.match(scores, { empty, dice: 0, jaccard: 0, nsd: 0 });
    for (const metric of ['assd', 'assdPooled', 'asd', 'asdReverse', 'hd', 'hd95', 'hd95Max'] as const)
      near(t, scores[metric], Math.hypot(3, 8), `${empty}: ${metric} is the diagonal`);
  }
  const volume = await score(boxes([3, 4, 12]), cube([3, 4, 12], [0, 1], [0, 1], [0, 1]));
  near(t, volume.assd, 13, 'in voxels where nobody knows the spacing');
});

t.test('labels: each by itself, all together, and the types that they may have', async (t) => {
  const truth = Uint8Array.from([1, 1, 0, 2, 2, 0, 3, 3, 3, 0, 0, 0]);
  const prediction = Uint8Array.from([1, 0, 0, 2, 2, 2, 3, 3, 0, 0, 0, 1]);
  const size = { width: 6, height: 2 };
  const expected = await evaluate(
    { data: prediction, ...size },
    { data: truth, ...size },
    { labels: [1, 2, 3, 9] },
  );
  t.same(
    expected.labels.map(({ label, dice, empty }) => [label, dice, empty]),
    [
      [1, 0.5, 'none'],
      [2, 0.8, 'none'],
      [3, 0.8, 'none'],
      [9, 1, 'both'],
    ],
  );
  near(t, expected.dice, 10 / 14, 'all together are one object');
  t.same(
    { ...(await evaluate({ data: prediction, ...size }, { data: truth, ...size })), labels: expected.labels },
    expected,
    'and so are all values without labels',
  );
  const [one] = (await evaluate({ data: prediction, ...size }, { data: truth, ...size }, { labels: [2] }))
    .labels;
  t.same(one, expected.labels[1]);
  for (const Type of [Uint16Array, Int16Array, Int32Array, Float32Array, Float64Array]) {
    const shape = [6, 2, 1] as const;
    const found = await evaluate(
      { data: Type.from(prediction), shape },
      { data: truth, shape },
      { labels: [1, 2, 3, 9] },
    );
    t.same(found, expected, `${Type.name}; a volume of one slice is a picture`);
  }
  const large = await evaluate(
    { data: Int32Array.from(prediction, (value) => 70000 * value), ...size } as never,
    { data: Int32Array.from(truth, (value) => 70000 * value), ...size } as never,
    { labels: [140000] },
  );
  t.equal(large.dice, 0.8, 'labels beyond 16 bits');
});

t.test('volumes and units', async (t) => {
  const [p, g] = S3;
  t.match(await score(p, g), {
    unit: 'px',
    volumes: { prediction: 80, truth: 64, unit: 'px' },
  });
  const scores = await score(p, g, [3, 0.8, 0.8]);
  t.equal(scores.volumes.unit, 'ml');
  near(t, scores.volumes.prediction, (80 * 3 * 0.64) / 1000, 'ml');
  t.match((await score(S1[0], S1[1], [2, 0.5])).volumes, { prediction: 9, truth: 9, unit: 'mm2' });
  const affine = [0.8, 0, 0, 5, 0, 0.8, 0, 6, 0, 0, 3, 7, 0, 0, 0, 1];
  const known = { ...input(g), affine, spacing: [0.8, 0.8, 3] };
  const own = await evaluate(input(p), known as never);
  near(t, own.assd, 0.634698441, 'the spacing of a volume is used');

  const [a, b] = [boxes([8, 8], square(3, 4, 2, 3)), boxes([8, 8], square(6, 7, 2, 3))].map(input) as [
    ReturnType<typeof input>,
    ReturnType<typeof input>,
  ];
  const of = (mask: object, spacing: number[]) => ({ ...mask, spacing }) as never;
  near(t, (await evaluate(of(a, [0.5, 2]), b)).hd, 1.5, 'three rows of a picture that knows its spacing');
  near(t, (await evaluate(of(a, [9, 9]), of(b, [0.5, 2]))).hd, 1.5, 'the truth’s goes first');
  const slice = { data: a.data, shape: [8, 8, 1] };
  near(t, (await evaluate(of(slice, [2, 0.5, 5]), b)).hd, 1.5, 'of a volume of one slice too');
  t.match(await evaluate(of(a, [0.5, 2]), { ...slice, data: b.data } as never), { unit: 'px', hd: 3 });
});

t.test('a prediction that is stored in another orientation is turned to the truth', async (t) => {
  const shape = [3, 4, 5] as const;
  const data = Uint8Array.from({ length: 60 }, (_, at) => Number(at % 7 < 2));
  const affine = [2, 0, 0, 5, 0, 2, 0, 6, 0, 0, 3, 7, 0, 0, 0, 1];
  const truth = { data, shape, frames: 1, spacing: [2, 2, 3] as const, affine };
  for (const way of ['LPS', 'LAS', 'SPR'])
    t.equal((await evaluate(reorient(truth, way), truth)).dice, 1, way);
  const moved = { ...reorient(truth, 'LPS'), affine };
  t.ok((await evaluate(moved, truth)).dice < 1, 'and only by what it says');
});

t.test('what does not fit is refused with a code', async (t) => {
  const picture = { data: new Uint8Array(6), width: 3, height: 2 };
  const volume = { data: new Uint8Array(24), shape: [2, 3, 4] as const };
  await t.rejects(evaluate(picture, { ...picture, width: 2, height: 3 }), {
    code: 'ERR_SHAPE',
    message: /prediction is 3 x 2 but truth 2 x 3/,
  });
  await t.rejects(evaluate(picture, { ...picture, width: 4 }), {
    code: 'ERR_SHAPE',
    message: /truth is 4 x 2/,
  });
  await t.rejects(evaluate(picture, volume), { code: 'ERR_SHAPE' });
  const wrong = { code: 'ERR_INVALID_ARG' };
  await t.rejects(evaluate({ ...picture, data: [1] } as never, picture), wrong);
  await t.rejects(evaluate(null as never, picture), wrong);
  await t.rejects(evaluate({ ...volume, data: new Float32Array(24).fill(0.5) }, volume), {
    ...wrong,
    message: /prediction\.data\[0\] must be a whole number/,
  });
  await t.rejects(evaluate(picture, picture, { spacing: [1, 2, 3] }), { ...wrong, message: /is a picture/ });
  await t.rejects(evaluate(volume, volume, { spacing: [1, 2] }), { ...wrong, message: /is a volume/ });
  await t.rejects(evaluate(picture, picture, { spacing: [1, 0] }), {
    ...wrong,
    message: /options\.spacing\[1\]/,
  });
  await t.rejects(evaluate(picture, picture, { spacing: [1] }), wrong);
  await t.rejects(evaluate(picture, picture, { labels: [0] }), { ...wrong, message: /options\.labels\[0\]/ });
  await t.rejects(evaluate(picture, picture, { tolerance: 0 }), { ...wrong, message: /options\.tolerance/ });
  await t.rejects(evaluate(picture, picture, { tolerence: 1 } as never), { ...wrong, message: /no option/ });
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  t.teardown(() => process.off('unhandledRejection', note));
  await t.rejects(evaluate('/there/is/none.png', { ...picture, width: 4 }), { code: 'ERR_SHAPE' });
  await t.rejects(evaluate('/there/is/none.png', picture), { code: 'ERR_IMAGE_NOT_FOUND' });
  await turn();
  t.same(unhandled, [], 'the read that was begun fails too, and ends nobody');
  const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  const [here, there] = [affine, affine.map((value, at) => (at === 3 ? 20 : value))].map((one) => ({
    ...volume,
    affine: one,
    spacing: [1, 1, 1],
  }));
  await t.rejects(evaluate(here as never, there as never), {
    code: 'ERR_DATASET',
    message: /up to 20\.0 mm apart .*ignoreGeometry/,
  });
  t.equal((await evaluate(here as never, there as never, { ignoreGeometry: true })).dice, 1);
});

t.test('the native side checks for itself', async (t) => {
  const data = new Uint8Array(6);
  const request = {
    prediction: data,
    truth: data,
    shape: [3, 2],
    spacing: [1, 1],
    objects: [[]],
    tolerance: 1,
  };
  for (const [change, code] of [
    [{ shape: [3, 3] }, 'ERR_SHAPE'],
    [{ shape: [6] }, 'ERR_INVALID_ARG'],
    [{ shape: [3, 2, 1] }, 'ERR_INVALID_ARG'],
    [{ shape: [2 ** 20, 2 ** 20, 2 ** 20], spacing: [1, 1, 1] }, 'ERR_INVALID_ARG'],
    [{ spacing: [1, Number.NaN] }, 'ERR_INVALID_ARG'],
    [{ truth: new Float32Array(6) }, 'ERR_INVALID_ARG'],
    [{ objects: [[0]] }, 'ERR_INVALID_ARG'],
    [{ tolerance: -1 }, 'ERR_INVALID_ARG'],
  ] as const)
    await t.rejects(
      native().evaluate({ ...request, ...change } as never).promise,
      { code },
      JSON.stringify(change),
    );
  t.equal(await native().evaluate({ ...request, objects: [] }).promise, '[]');
  const mask = { mask: data, shape: [3, 2], spacing: [1, 1] };
  await t.rejects(native().distanceTransform(mask, new Float64Array(5)).promise, { code: 'ERR_SHAPE' });
  await t.rejects(native().distanceTransform(mask, new Float32Array(6) as never).promise, {
    code: 'ERR_INVALID_ARG',
  });
});

/** Two balls that fill most of a volume, painted row by row. */
function balls(side: number): [Mask, Mask] {
  const ball = (shift: number): Mask => {
    const data = new Uint8Array(side ** 3);
    const middle = side / 2 - shift;
    for (let row = 0; row < side ** 2; row++) {
      const [z, y] = [Math.floor(row / side) - middle, (row % side) - middle];
      const half = Math.sqrt(Math.max(0, (0.45 * side) ** 2 - z * z - y * y));
      if (half > 0)
        data.fill(1, row * side + Math.ceil(middle - half), row * side + Math.floor(middle + half) + 1);
    }
    return { data, sizes: [side, side, side] };
  };
  return [ball(0), ball(2)];
}

t.test(
  'a large pair: the event loop turns, timers fire, masks may change at once, an abort is heard',
  async (t) => {
    const [p, g] = balls(220);
    const expected = await score(p, g);
    let [turns, ticks, working] = [0, 0, true];
    const ticking = setInterval(() => {
      ticks++;
    }, 1);
    const [mine, theirs] = [
      { ...p, data: p.data.slice() },
      { ...g, data: g.data.slice() },
    ];
    const job = score(mine, theirs).finally(() => {
      working = false;
    });
    mine.data.fill(0);
    structuredClone(theirs.data.buffer, { transfer: [theirs.data.buffer as ArrayBuffer] });
    while (working) {
      turns++;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    clearInterval(ticking);
    t.same(await job, expected);
    t.ok(turns > 10, `${turns} turns`);
    t.ok(ticks > 2, `${ticks} timers`);

    const reason = new Error('changed my mind');
    const controller = new AbortController();
    const stopped = score(p, g, undefined, { signal: controller.signal });
    const waiting = score(p, g, undefined, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 20);
    t.same(
      await Promise.allSettled([stopped, waiting]),
      [
        { status: 'rejected', reason },
        { status: 'rejected', reason },
      ],
      'one that runs and one that waits',
    );
    await t.rejects(score(p, g, undefined, { signal: AbortSignal.abort() }), { name: 'AbortError' });
    t.same(await score(S1[0], S1[1]), await score(S1[0], S1[1]), 'and later ones work');
  },
);
