/** Tasks on real models: predict, edge cases, add and remove, several labels, aborts. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode as encodePng } from 'fast-png';
import t, { type Test } from 'tap';
import { overlap } from '../../lib/metrics.js';
import { Segmenter } from '../../lib/segmenter.js';
import { defineTask } from '../../lib/task/define.js';
import type { TaskExample } from '../../lib/task/example.js';
import type { TaskOptions } from '../../lib/task/options.js';
import type { PictureResult } from '../../lib/task/result.js';
import { TaskContainer } from '../../lib/task/task-container.js';
import type { Task } from '../../lib/task.js';
import { alike, unlike } from '../helpers/alike.js';
import { FakeSession } from '../helpers/fake-session.js';
import { TINY, TINY_WEIGHTS } from '../helpers/models.js';
import { discs, type Scene, scene, taskModel } from '../helpers/tasks.js';

const INVALID = 'ERR_INVALID_ARG';
let model: string;
t.before(async () => {
  model = await taskModel(t.testdir());
});

async function open(t: Test, checkpoint = model): Promise<Segmenter> {
  const segmenter = await Segmenter.load({ checkpoint, device: 'cpu', threads: 1 });
  t.teardown(() => segmenter.close());
  return segmenter;
}

const QUERY = scene([{ x: 24, y: 19, r: 9 }], { seed: 9 });
const ALL = { returnProbability: true, returnUncertainty: true };
const ask = (task: Task, image = QUERY.image): Promise<PictureResult> => task.predict(image, ALL);
const bytes = (values: Float32Array | Uint8Array | undefined): Buffer =>
  Buffer.from(values!.buffer, values!.byteOffset, values!.byteLength);

t.test('info says whether there is a task encoder', async (t) => {
  t.match((await open(t)).info.taskEncoder, { heads: 4 });
  t.equal((await open(t, TINY_WEIGHTS)).info.taskEncoder, null);
});

t.test('auto: chooses, says what it tried, and finds bright discs', async (t) => {
  const segmenter = await open(t);
  const stages = new Set<string>();
  const task = await segmenter.defineTask(discs(5), { onProgress: ({ stage }) => stages.add(stage) });
  t.same([...stages].sort(), ['choose', 'encode', 'fit']);
  t.same(task.labels, [{ value: 1, name: 'foreground' }]);
  const { choices, examples } = task.info;
  t.equal(examples.length, 5);
  t.equal(choices[0]!.recipe, 'threshold', 'a model that has learned nothing cannot beat a threshold here');
  t.ok(choices[0]!.trials.length >= 6);
  const result = await ask(task);
  t.match(result, { kind: 'picture', width: 48, height: 40, count: 1, values: [1] });
  t.equal(overlap(result.masks, QUERY.mask.data).dice, 1);
  t.same(result.masks, result.labels);
  t.equal(result.probability?.length, 48 * 40);
  t.ok(
    result.uncertainty?.every((value) => value === 0),
    'one member has no spread',
  );
  t.notOk('probability' in (await task.predict(QUERY.image)));
});

const ENGINES: TaskOptions[] = [
  { engine: 'learned', output: 'mean' },
  { engine: 'learned', output: 'refined', view: 'tiles-2' },
  { engine: 'learned', output: 'mean', partner: 'threshold', flips: true },
  { engine: 'learned', output: 'dense', view: 'crop', flips: true },
  { engine: 'learned', ensemble: 3, seed: 5 },
  { engine: 'training-free' },
  { engine: 'threshold', view: 'tiles-2' },
  { engine: 'copy' },
  { engine: 'learned', output: 'mean', look: 'flat', partner: 'threshold' },
];

t.test('neither order nor repetition of the examples matters, and a file gives the same bytes', async (t) => {
  const segmenter = await open(t);
  const folder = t.testdir();
  const examples = discs(4);
  for (const [at, options] of ENGINES.entries()) {
    const name = JSON.stringify(options);
    const task = await segmenter.defineTask(examples, options);
    const expected = await ask(task);
    t.ok(
      expected.probability?.every((value) => value >= 0 && value <= 1),
      name,
    );
    const [a, b, c, d] = examples as [Scene, Scene, Scene, Scene];
    const turned = await segmenter.defineTask([c, a, d, b, a, a, c], options);
    // Exactly, not nearly: examples are put in an order of their own and repeated ones counted once.
    t.ok(
      bytes((await ask(turned)).probability).equals(bytes(expected.probability)),
      `${name}: order, repetition`,
    );
    const file = join(folder, `${at}.gmtask`);
    await task.save(file);
    const loaded = await segmenter.loadTask(file);
    const again = await ask(loaded);
    t.ok(bytes(again.probability).equals(bytes(expected.probability)), `${name}: saved and loaded`);
    t.ok(bytes(again.uncertainty).equals(bytes(expected.uncertainty)), `${name}: spread`);
    t.same(loaded.info.choices, task.info.choices);
    if (options.ensemble !== undefined || options.flips) {
      t.ok(
        expected.uncertainty?.some((value) => value > 0),
        `${name}: several members differ`,
      );
    }
    for (const each of [task, turned, loaded]) each.close();
  }
});

t.test('in bfloat16 as well, about the same', async (t) => {
  // Trained weights: of random ones a rounding may turn a whole answer over.
  const own = { device: 'cpu', threads: 1, imageSize: 128 } as const;
  const precise = await Segmenter.load(own);
  const rounded = await Segmenter.load({ ...own, dtype: 'bfloat16' });
  t.teardown(() => Promise.all([precise.close(), rounded.close()]));
  for (const options of [{}, ...ENGINES.slice(0, 6)] as TaskOptions[]) {
    const [want, got] = await Promise.all(
      [precise, rounded].map(async (segmenter) => await ask(await segmenter.defineTask(discs(4), options))),
    );
    const far = want!.probability!.filter((value, at) => Math.abs(value - got!.probability![at]!) > 0.1);
    t.ok(
      far.length < 0.02 * want!.probability!.length,
      `${JSON.stringify(options)}: ${far.length} pixels differ`,
    );
  }
});

t.test('local contrast: light that changes across a picture does not count', async (t) => {
  const segmenter = await open(t);
  // Thin lines on a slope of grey that is much steeper than they are bright.
  const lines = (seed: number): Scene => {
    const [width, height] = [96, 64];
    const data = new Uint8Array(width * height);
    const mask = new Uint8Array(width * height);
    for (let at = 0; at < data.length; at++) {
      const [x, y] = [at % width, Math.floor(at / width)];
      mask[at] = (x + y * (1 + (seed % 2)) + 3 * seed) % 24 < 3 ? 1 : 0;
      data[at] = 40 + 1.4 * (seed % 2 === 0 ? x : width - x) + 25 * mask[at]! + ((x * 7 + y * 13 + seed) % 5);
    }
    return { image: { data, width, height, channels: 1 }, mask: { data: mask, width, height } };
  };
  const query = lines(6);
  const dice = async (options: TaskOptions): Promise<number> => {
    const task = await segmenter.defineTask([1, 2, 3, 4].map(lines), options);
    const { masks } = await task.predict(query.image);
    t.comment(task.info.choices[0]!.recipe);
    task.close();
    return overlap(masks, query.mask.data).dice;
  };
  t.ok((await dice({ engine: 'threshold', look: 'given' })) < 0.5);
  t.ok((await dice({ engine: 'threshold', look: 'flat' })) > 0.9);
  t.ok((await dice({})) > 0.9, 'and leaving one out finds that');
});

t.test('a query costs the same whatever the number of examples', async (t) => {
  const segmenter = await open(t);
  const sizes: number[] = [];
  for (const count of [2, 12]) {
    const task = await segmenter.defineTask(discs(count), {
      engine: 'learned',
      output: 'mean',
      view: 'whole',
    });
    const file = join(t.testdir(), `${count}.gmtask`);
    await task.save(file);
    await using container = await TaskContainer.open(file);
    t.equal(container.names.length, 1);
    const blob = await container.read(container.names[0]!);
    // The file's own head names the number of examples, in one digit or two.
    sizes.push(Math.round(blob!.data.length / 1024));
  }
  t.equal(sizes[0], sizes[1], 'the state that a query is answered from');
});

t.test('edge cases: each gives masks of the right size or an error that helps', async (t) => {
  const segmenter = await open(t);
  const small = scene([{ x: 8, y: 6, r: 4 }], { width: 17, height: 13, channels: 3 });
  const full = scene([{ x: 0, y: 0, r: 500 }]);
  const empty = scene([]);
  const cases: [string, Scene[]][] = [
    ['one example', discs(1)],
    ['an empty mask beside others', [...discs(2), empty]],
    ['masks of the whole picture', [full]],
    [
      'mixed sizes and channels',
      [...discs(2), small, scene([{ x: 60, y: 20, r: 9 }], { width: 90, height: 33 })],
    ],
    ['a single pixel', [scene([{ x: 20, y: 20, r: 1 }])]],
  ];
  for (const [name, examples] of cases) {
    for (const engine of ['auto', 'learned', 'training-free', 'threshold', 'copy'] as const) {
      const task = await segmenter.defineTask(examples, { engine });
      for (const query of [QUERY, small, examples[0]!]) {
        const { labels, width, height, probability } = await task.predict(query.image, {
          returnProbability: true,
        });
        t.equal(labels.length, query.image.width * query.image.height);
        t.same([width, height], [query.image.width, query.image.height]);
        t.ok(probability?.every(Number.isFinite), `${name}, ${engine}`);
      }
      task.close();
    }
  }
  await t.rejects(segmenter.defineTask([empty]), { code: INVALID, message: /All masks are empty/ });
  await t.rejects(segmenter.defineTask([]), { code: INVALID, message: /at least one example/ });
  const known = await segmenter.defineTask(discs(3), { engine: 'copy' });
  const seen = discs(3)[1]!;
  t.ok(
    overlap((await known.predict(seen.image)).masks, seen.mask.data).dice > 0.9,
    'a query that is an example',
  );
});

t.test('without a task encoder', async (t) => {
  const segmenter = await open(t, TINY_WEIGHTS);
  const task = await segmenter.defineTask(discs(3));
  t.notOk(task.info.choices[0]!.trials.some(({ recipe }) => recipe.startsWith('learned')));
  await t.rejects(segmenter.defineTask(discs(3), { engine: 'learned' }), {
    code: INVALID,
    message: /no task encoder/,
  });
});

t.test('several labels: one map, conflicts settled by probability', async (t) => {
  const segmenter = await open(t);
  const two = (seed: number): Scene =>
    scene(
      [
        { x: 12 + (seed % 3), y: 15, r: 7, label: 2, grey: 130 },
        { x: 34, y: 22 + (seed % 4), r: 8, label: 200, grey: 220 },
      ],
      { seed },
    );
  const task = await segmenter.defineTask([two(1), two(2), two(3)], {
    engine: 'threshold',
    labels: { 2: 'wall', 200: 'cavity', 7: 'not there' },
  });
  t.same(task.labels, [
    { value: 2, name: 'wall' },
    { value: 200, name: 'cavity' },
  ]);
  const query = two(5);
  const { labels, masks, values, count, probability } = await task.predict(query.image, {
    returnProbability: true,
  });
  t.same([values, count], [[2, 200], 2]);
  t.equal(probability?.length, 2 * labels.length);
  for (const [at, value] of values.entries()) {
    const truth = query.mask.data.map((each) => Number(each === value));
    const mask = masks.subarray(at * labels.length, (at + 1) * labels.length);
    t.ok(overlap(mask, truth).dice > 0.95, `label ${value}`);
    t.same(
      mask,
      labels.map((each) => Number(each === value)),
    );
  }
  const one = await segmenter.defineTask([two(1), two(2)], { engine: 'threshold', labels: [200] });
  t.same((await one.predict(query.image)).values, [200]);
  await t.rejects(task.predict(query.image, { prompts: { points: [{ x: 1, y: 1 }] } }), {
    code: INVALID,
    message: /say which/,
  });
  await t.resolves(task.predict(query.image, { prompts: { 2: { points: [{ x: 12, y: 15 }] } } }));
});

t.test('clicks and boxes correct the answer of every engine', async (t) => {
  const segmenter = await open(t);
  for (const options of [
    { engine: 'learned', output: 'mean' },
    { engine: 'learned', output: 'dense' },
    { engine: 'training-free' },
    { engine: 'threshold' },
    { engine: 'learned', output: 'refined', view: 'tiles-2' },
    { engine: 'learned', output: 'refined', view: 'crop' },
  ] as const) {
    const task = await segmenter.defineTask(discs(3), options);
    const plain = await ask(task);
    const clicked = await task.predict(QUERY.image, {
      ...ALL,
      prompts: {
        points: [
          { x: 5, y: 5 },
          { x: 24, y: 19, label: 0 },
        ],
        box: [2, 2, 30, 30],
      },
    });
    unlike(t, clicked.probability, plain.probability, JSON.stringify(options));
    const at = (x: number, y: number): number => y * QUERY.image.width + x;
    const moved = (x: number, y: number): number =>
      clicked.probability![at(x, y)]! - plain.probability![at(x, y)]!;
    t.ok(
      clicked.probability![at(5, 5)]! > 0.49 || moved(5, 5) > 0.3,
      `${JSON.stringify(options)}: here it is`,
    );
    t.ok(clicked.probability![at(24, 19)]! < 0.51 || moved(24, 19) < -0.3, 'and there it is not');
    alike(t, (await task.predict(QUERY.image, { ...ALL, prompts: {} })).probability, plain.probability);
    await t.rejects(task.predict(QUERY.image, { prompts: { points: [{ x: 99, y: 5 }] } }), {
      code: INVALID,
      message: /48 x 40/,
    });
    task.close();
  }
});

t.test('an example may have prompts in place of a mask', async (t) => {
  const segmenter = await open(t, TINY_WEIGHTS);
  const [first, second] = discs(2) as [Scene, Scene];
  const prompted = { image: second.image, prompts: { box: [5, 5, 40, 35] as const } };
  const { masks } = await segmenter.predict(second.image, prompted.prompts);
  const task = await segmenter.defineTask([first, prompted], { engine: 'threshold' });
  const same = await segmenter.defineTask(
    [first, { image: second.image, mask: { ...second.mask, data: masks } }],
    { engine: 'threshold' },
  );
  t.same((await ask(task)).probability, (await ask(same)).probability);
  await t.rejects(segmenter.defineTask([first, prompted], { labels: { 1: 'a', 2: 'b' } }), {
    code: INVALID,
    message: /one label/,
  });
});

t.test('pictures as paths, with a window, and with unequal spacing', async (t) => {
  const segmenter = await open(t);
  const file = join(t.testdir(), 'query.png');
  await writeFile(file, encodePng(QUERY.image));
  const task = await segmenter.defineTask(discs(3), { engine: 'threshold' });
  const result = await task.predict(file);
  t.equal(result.kind, 'picture');
  t.same(result.labels, (await task.predict(QUERY.image)).labels);

  const wide = (each: Scene): Scene => ({ ...each, image: { ...each.image, spacing: [2, 1] } as never });
  const stretched = await segmenter.defineTask(discs(3).map(wide), { engine: 'threshold' });
  const back = await stretched.predict(wide(QUERY).image);
  t.same([back.width, back.height], [48, 40]);
  t.ok(overlap(back.masks, QUERY.mask.data).dice > 0.9);

  const deep = (each: Scene): Scene => ({
    ...each,
    image: { ...each.image, data: Int16Array.from(each.image.data, (value) => 10 * value - 1000) } as never,
  });
  const windowed = await segmenter.defineTask(discs(3).map(deep), {
    engine: 'threshold',
    window: [-1000, 1550],
  });
  t.same(
    (await windowed.predict(deep(QUERY).image)).labels,
    result.labels,
    'queries go through the window of the examples',
  );
  await t.rejects(task.predict('/no/such.png'), { code: 'ERR_IMAGE_NOT_FOUND' });
});

t.test('add and remove: as if defined so; a failure changes nothing', async (t) => {
  const segmenter = await open(t);
  const named = discs(4).map((each, at) => ({ ...each, name: `n${at}` }));
  const options: TaskOptions = { engine: 'learned', output: 'mean', view: 'whole' };
  const task = await segmenter.defineTask(named.slice(0, 2), options);
  const two = await ask(task);
  const four = await ask(await segmenter.defineTask(named, options));
  await task.add(named.slice(2));
  t.same(task.info.examples, ['n0', 'n1', 'n2', 'n3']);
  t.ok(bytes((await ask(task)).probability).equals(bytes(four.probability)));
  await task.remove(['n3', 'n2']);
  t.ok(bytes((await ask(task)).probability).equals(bytes(two.probability)));
  await t.rejects(task.remove('n7'), { code: INVALID, message: /no example "n7"; it has n0, n1/ });
  await t.rejects(task.remove(['n0', 'n1']), { code: INVALID, message: /Nothing would be left/ });
  await t.rejects(task.add([{ ...named[0]!, mask: scene([], { width: 5, height: 5 }).mask }]), {
    code: INVALID,
    message: /"n0"|name/,
  });
  await t.rejects(task.add([]), { code: INVALID });
  t.ok(bytes((await ask(task)).probability).equals(bytes(two.probability)), 'as it was');
  await task.add([scene([{ x: 20, y: 20, r: 8 }], { channels: 3 })]);
  t.equal((await ask(task)).labels.length, 48 * 40, 'a coloured example joins grey ones');
});

t.test('calls that wait for one another: each finds the task as the one before left it', async (t) => {
  const segmenter = await open(t);
  const [a, b, c, d] = discs(4).map((each, at) => ({ ...each, name: 'abcd'[at]! })) as [
    TaskExample,
    TaskExample,
    TaskExample,
    TaskExample,
  ];
  const task = await segmenter.defineTask([a, b], { engine: 'copy' });
  await Promise.all([task.add([c]), task.remove('a'), task.add([d])]);
  t.same(task.info.examples, ['b', 'c', 'd']);
  const [first, second] = await Promise.allSettled([task.add([a]), task.add([{ ...d, name: 'a' }])]);
  t.equal(first.status, 'fulfilled');
  t.match(second, {
    status: 'rejected',
    reason: { code: INVALID, message: /Two examples have the name "a"/ },
  });
  t.same(task.info.examples, ['b', 'c', 'd', 'a']);
});

t.test('a task that is closed while it is changed keeps nothing open', async (t) => {
  const session = new FakeSession();
  const task = await defineTask(session.host(), { stack: '' }, discs(2), { engine: 'copy' });
  t.ok(session.open > 0);
  const adding = task.add(discs(1), {
    onProgress: ({ stage, fraction }) => {
      if (stage === 'fit' && fraction === 0) task.close();
    },
  });
  await t.rejects(adding, { code: 'ERR_CLOSED' });
  t.equal(session.open, 0);
});

t.test('aborts, closing, and training in between', async (t) => {
  const segmenter = await open(t);
  const stop = new Error('enough');
  await t.rejects(segmenter.defineTask(discs(3), { signal: AbortSignal.abort(stop) }), stop);
  const controller = new AbortController();
  const onProgress = (): void => controller.abort(stop);
  await t.rejects(segmenter.defineTask(discs(6), { signal: controller.signal, onProgress }), stop);
  const task = await segmenter.defineTask(discs(3), { engine: 'training-free', location: 1 });
  await t.rejects(task.predict(QUERY.image, { signal: AbortSignal.abort(stop) }), stop);
  await t.rejects(task.check({ signal: AbortSignal.abort(stop) }), stop);
  await t.resolves(task.predict(QUERY.image), 'and works after that');
  await t.rejects(task.predict(QUERY.image, { returnprobability: true } as never), {
    code: INVALID,
    message: /no option/,
  });
  await t.rejects(task.predict(QUERY.image, { neighbours: 2 }), { code: INVALID, message: /from 0 to 1/ });
  await t.rejects(task.predict({} as never), { code: INVALID });

  const run = join(t.testdir(), 'run');
  const training = segmenter.train([], {
    out: run,
    episodes: true,
    steps: 1,
    batchSize: 1,
    supports: [1],
    queries: 1,
    validateEvery: 0,
    validateSamples: 0,
  });
  await t.rejects(task.predict(QUERY.image), { code: 'ERR_BUSY' });
  await training;
  await t.rejects(task.predict(QUERY.image), { code: INVALID, message: /trained after this task/ });

  task.close();
  task.close();
  await t.rejects(task.predict(QUERY.image), { code: 'ERR_CLOSED', message: /task is closed/ });
  const other = await segmenter.defineTask(discs(2), { engine: 'threshold' });
  await segmenter.close();
  await t.rejects(other.predict(QUERY.image), { code: 'ERR_CLOSED' });
});

t.test('random weights have tasks too', async (t) => {
  const segmenter = await Segmenter.load({ config: TINY, device: 'cpu', threads: 1 });
  t.teardown(() => segmenter.close());
  t.ok(await segmenter.defineTask(discs(2), { engine: 'training-free' }));
});
