/** Configs and draws. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { drawSupports, halves, pixelsWith } from '../../lib/experiment/draws.js';
import { instancesOf } from '../../lib/experiment/experiment.js';
import { loadChoice } from '../../lib/experiment/load-choice.js';
import { loadConfig } from '../../lib/experiment/load-config.js';
import { EXPERIMENTS, type ExperimentName } from '../../lib/experiment/names.js';
import { experimentNamed } from '../../lib/experiment/registry.js';
import { RunContext, type RunContextOptions } from '../../lib/experiment/run-context.js';
import { checkTraining } from '../../lib/experiment/train-method.js';
import { Random } from '../../lib/statistics/random.js';
import { type ExperimentJson, writeConfig } from '../helpers/experiments.js';

const OWN: readonly (readonly [config: string, name: ExperimentName])[] = [
  ...EXPERIMENTS.flatMap((name) => [['small', name] as const, ['paper', name] as const]),
  ['gpu', 'table2'],
  ['experiments/gpu/upper-bound.json', 'table2'],
];

for (const [file, name] of OWN) {
  t.test(`the package's own config: ${file}, ${name}`, async (t) => {
    const config = await loadConfig(file, name);
    const experiment = experimentNamed(name);
    experiment.check?.(config);
    const instances = instancesOf(experiment, config);
    t.ok(instances.length > 0);
    t.equal(new Set(instances.map(({ id }) => id)).size, instances.length, 'ids are unique');
    for (const { training } of instances) if (training !== null) checkTraining(training);
  });
}

const BASE: ExperimentJson = {
  datasets: { a: { store: 'a' }, b: { store: 'b' } },
  methods: { model: { kind: 'embedded' } },
  test: ['a'],
};

t.test('extends joins data sets and methods, null takes out, the rest is replaced', async (t) => {
  const folder = t.testdir();
  await writeFile(join(folder, 'base.json'), JSON.stringify({ ...BASE, supports: [1, 2], draws: 7 }));
  const config = await loadConfig(
    await writeConfig(folder, {
      extends: 'base.json',
      datasets: { b: null, c: { store: 'c', minPixels: 3 } },
      methods: { copy: { kind: 'engine', engine: 'copy' } },
      test: ['c'],
      supports: [4],
    }),
    'table2',
  );
  t.same(Object.keys(config.datasets), ['a', 'c']);
  t.same(Object.keys(config.methods), ['model', 'copy']);
  t.match(config, { test: ['c'], supports: [4], draws: 7, queries: 24 });
});

t.test('a method like a template has what that has, as the extending file says it', async (t) => {
  const folder = t.testdir();
  const templates = {
    short: { kind: 'baseline', name: 'unet', choose: 'best', train: { steps: 10, seed: 3 } },
  };
  await writeFile(
    join(folder, 'base.json'),
    JSON.stringify({
      ...BASE,
      templates,
      methods: { own: { like: 'short', label: 'U', train: { seed: 4 } } },
    }),
  );
  const own = { kind: 'baseline', name: 'unet', choose: 'best', label: 'U' };
  const base = await loadConfig(join(folder, 'base.json'), 'table2');
  t.same(base.methods.own, { ...own, train: { steps: 10, seed: 4 } });

  const file = await writeConfig(folder, {
    extends: 'base.json',
    templates: { short: { ...templates.short, train: { steps: 20 } } },
    methods: { plain: { like: 'short' } },
  });
  const config = await loadConfig(file, 'table2');
  t.same(config.methods.own, { ...own, train: { steps: 20, seed: 4 } });
  t.same(config.methods.plain, { kind: 'baseline', name: 'unet', choose: 'best', train: { steps: 20 } });

  await t.rejects(
    loadConfig(await writeConfig(folder, { ...BASE, methods: { own: { like: 'long' } } }), 'table2'),
    { code: 'ERR_INVALID_ARG', message: /method own like "long", which "templates" does not have/ },
  );
});

t.test('configs that do not fit are typed errors that name the place', async (t) => {
  const folder = t.testdir();
  const refused = async (config: ExperimentJson, message: RegExp): Promise<void> => {
    await t.rejects(loadConfig(await writeConfig(folder, { ...BASE, ...config }), 'table2'), {
      code: 'ERR_INVALID_ARG',
      message,
    });
  };
  await refused({ drws: 3 }, /drws/);
  await refused({ test: ['nowhere'] }, /"datasets" has no nowhere/);
  await refused({ test: [] }, /test/);
  await refused({ methods: {} }, /an experiment needs a method/);
  await refused({ datasets: { a: {} } }, /one of store, import and synth/);
  await refused(
    { datasets: { a: { store: 'a', synth: { tasks: 1, subjects: 1, size: 32, seed: 0 } } } },
    /one of/,
  );
  await refused({ datasets: { '../a': { store: 'a' } } }, /datasets/);
  await refused({ methods: { x: { kind: 'engine', engine: 'magic' } } }, /methods/);
  await refused({ methods: { x: { kind: 'trained', train: {} } } }, /from a model or from a config/);
  await refused({ methods: { x: { kind: 'baseline', name: 'y' } } }, /either a model or train options/);
  const baseline = { kind: 'baseline', name: 'unet' };
  await refused({ methods: { x: { ...baseline, model: 'x', perTask: true } } }, /has train options/);
  await refused(
    { methods: { x: { ...baseline, train: {}, data: ['a'], perTask: true } } },
    /no data of its own/,
  );
  await refused(
    { methods: { x: { ...baseline, train: { validateEvery: 0 }, choose: 'best' } } },
    /several validations/,
  );
  await refused({ maxMinutes: 0 }, /maxMinutes/);
  await refused({ reference: 'nobody' }, /"methods" has no nobody/);
  await refused({ extends: 'config.json' }, /extends itself/);
  await writeFile(join(folder, 'broken.json'), '{');
  await t.rejects(loadConfig(join(folder, 'broken.json'), 'table2'), {
    code: 'ERR_INVALID_ARG',
    message: /not JSON/,
  });
  await t.rejects(loadConfig(join(folder, 'none.json'), 'table2'), { code: 'ERR_IO' });
  for (const name of ['figure5', 'forgetting'] as const) {
    const config = await loadConfig(await writeConfig(folder, BASE), name);
    t.throws(() => experimentNamed(name).check?.(config), { code: 'ERR_INVALID_ARG' }, name);
  }
});

t.test(
  'draws: different subjects first, small ones within large ones, the same for the same seed',
  async (t) => {
    const pool = Array.from({ length: 12 }, (_, at) => ({ subject: `p${at % 4}`, index: at }));
    for (const draw of [0, 1, 2]) {
      const large = drawSupports(pool, 9, { seed: 3, draw });
      t.equal(new Set(large.slice(0, 4).map(({ subject }) => subject)).size, 4);
      t.equal(new Set(large).size, 9);
      t.same(drawSupports(pool, 3, { seed: 3, draw }), large.slice(0, 3));
      t.same(drawSupports(pool, 9, { seed: 3, draw }), large);
    }
    t.not(
      JSON.stringify(drawSupports(pool, 4, { seed: 3, draw: 0 })),
      JSON.stringify(drawSupports(pool, 4, { seed: 3, draw: 1 })),
    );
    t.equal(drawSupports(pool, 99, { seed: 0, draw: 0 }).length, 12);
    const [lower, upper] = halves(new Random(1).shuffle(pool));
    t.same(
      [...lower, ...upper].map(({ index }) => index),
      pool.map(({ index }) => index),
    );
    const slice = { labels: { 1: 10, 2: 20 }, width: 10, height: 10 };
    t.same(
      [[1], [1, 2], [0], [7]].map((labels) => pixelsWith(slice, labels)),
      [10, 30, 70, 0],
    );
  },
);

t.test('a checkpoint of a config that is not there is named as what it is', async (t) => {
  const context = new RunContext({ data: t.testdir() } as unknown as RunContextOptions);
  for (const file of ['sam.pth', '/no/such/sam.pth']) {
    await t.rejects(loadChoice(context, { checkpoint: file }), {
      code: 'ERR_CHECKPOINT_NOT_FOUND',
      message: /^The model \/.*sam\.pth does not exist; name a/,
    });
  }
});
