/** Wrong arguments: each message names the parameter, what it should be and what came. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type LoadOptions, nativeLoadOptions } from '../../lib/load-options.js';
import { packageRoot } from '../../lib/package-root.js';
import { nativePrompts, type Prompts, preparePrompts } from '../../lib/prompts.js';
import { Segmenter } from '../../lib/segmenter.js';
import { type TrainOptions, trainOptionsJson } from '../../lib/train-options.js';
import { picture, TINY } from '../helpers/models.js';

const INVALID = 'ERR_INVALID_ARG';

t.test('load options', async (t) => {
  const cases: [unknown, RegExp][] = [
    [null, /^options must be an object, but got null\.$/],
    ['x.pth', /^options must be an object, but got "x\.pth"\.$/],
    [{ chekpoint: 'x' }, /^options has no option "chekpoint"; it knows checkpoint, config/],
    [{ checkpoint: 5 }, /^checkpoint must be a path or a file URL, but got 5\.$/],
    [{ checkpoint: '' }, /^checkpoint must be a path or a file URL, but got ""\.$/],
    [{ checkpoint: new URL('https://example.org/x') }, /^checkpoint must be .*, but got a URL\.$/],
    [{ config: [] }, /^config must be 'vit_b', .*, a path or an object, but got an array of length 0/],
    [{ config: TINY, adapter: {} }, /^adapter must be a path/],
    [{ config: TINY, device: 'gpu' }, /^device must be 'auto', 'cpu', 'cuda' or 'cuda:N', but got "gpu"\.$/],
    [{ config: TINY, dtype: 'float16' }, /^dtype must be 'float32' or 'bfloat16', but got "float16"\.$/],
    [{ config: TINY, threads: -1 }, /^threads must be an integer from 0 to 4096, but got -1\.$/],
    [{ config: TINY, seed: 0.5 }, /^seed must be an integer from 0 to 9007199254740991, but got 0\.5\.$/],
    [{ config: TINY, signal: {} }, /^signal must be an AbortSignal, but got an object\.$/],
    [{ config: TINY, onProgress: true }, /^onProgress must be a function, but got true\.$/],
  ];
  for (const [options, message] of cases) {
    await t.rejects(Segmenter.load(options as LoadOptions), { name: 'GmisegError', code: INVALID, message });
  }
});

t.test('config: names, objects and files', async (t) => {
  const file = join(t.testdir(), 'config.json');
  writeFileSync(file, JSON.stringify(TINY));
  t.match(await nativeLoadOptions({ config: 'vit_b' }), {
    checkpoint: '',
    config: 'vit_b',
    device: 'auto',
    seed: 0,
  });
  t.same(JSON.parse((await nativeLoadOptions({ config: TINY })).config), TINY);
  t.same(JSON.parse((await nativeLoadOptions({ config: file })).config), TINY);
  t.same((await nativeLoadOptions({ checkpoint: 'a.pth' })).config, '', 'to be inferred');
  await t.rejects(nativeLoadOptions({ config: 'vit_x' }), {
    code: 'ERR_CHECKPOINT_NOT_FOUND',
    message: /'vit_b', .*vit_x does not exist/,
  });
  writeFileSync(file, '{');
  await t.rejects(nativeLoadOptions({ config: file }), {
    code: 'ERR_CHECKPOINT_FORMAT',
    message: /config\.json is not JSON/,
  });
});

t.test('without checkpoint and config, the package’s own model', async (t) => {
  const path = join(packageRoot().path, 'models', 'default', 'model.safetensors');
  t.equal((await nativeLoadOptions({})).checkpoint, path);
});

t.test('form of prompts', async (t) => {
  const cases: [unknown, RegExp][] = [
    [5, /^prompts must be an object, but got 5\.$/],
    [{ point: [] }, /^prompts has no option "point"; it knows points, box, boxes, mask\.$/],
    [{ points: { x: 1, y: 2 } }, /^prompts\.points must be an array of/],
    [{ points: [[1, 2]] }, /^prompts\.points\[0\] must be an object, but got an array of length 2\.$/],
    [
      {
        points: [
          { x: 1, y: 2 },
          { x: '3', y: 4 },
        ],
      },
      /^prompts\.points\[1\]\.x must be a finite number, but got "3"\.$/,
    ],
    [
      { points: [{ x: 1, y: Number.NaN }] },
      /^prompts\.points\[0\]\.y must be a finite number, but got NaN\.$/,
    ],
    [{ points: [{ x: 1, y: 1, label: 2 }] }, /^prompts\.points\[0\]\.label must be 1 \(object\) or 0/],
    [{ points: [{ x: 1, y: 1, lable: 0 }] }, /^prompts\.points\[0\] has no option "lable"/],
    [
      { box: [1, 2, 3] },
      /^prompts\.box must be four finite numbers \[x0, y0, x1, y1\], but got an array of length 3\.$/,
    ],
    [
      { box: [9, 2, 3, 4] },
      /^prompts\.box must be \[x0, y0, x1, y1\] with x0 < x1 and y0 < y1, but got \[9, 2, 3, 4\]\.$/,
    ],
    [{ boxes: [] }, /^prompts\.boxes must be an array of at least one box/],
    [
      {
        boxes: [
          [0, 0, 1, 1],
          [5, 5, 5, 6],
        ],
      },
      /^prompts\.boxes\[1\] must be .* but got \[5, 5, 5, 6\]\.$/,
    ],
    [{ boxes: [[0, 0, 1, 1]], box: [0, 0, 1, 1] }, /^prompts\.boxes means several objects/],
    [{ boxes: [[0, 0, 1, 1]], points: [{ x: 1, y: 1 }] }, /^prompts\.boxes means several objects/],
    [{ mask: [1, 0] }, /^prompts\.mask must be a Uint8Array .* but got an array of length 2\.$/],
    [{ mask: new Float64Array(4) }, /^prompts\.mask must be .* but got a Float64Array of length 4\.$/],
  ];
  for (const [prompts, message] of cases) {
    t.throws(() => preparePrompts(prompts as Prompts), { code: INVALID, message });
  }
});

t.test('place of prompts in the image', async (t) => {
  const size = { width: 20, height: 10, lowRes: 32 };
  const place = (prompts: Prompts) => nativePrompts(preparePrompts(prompts), size);
  t.throws(
    () =>
      place({
        points: [
          { x: 1, y: 1 },
          { x: 20.5, y: 3 },
        ],
      }),
    {
      code: INVALID,
      message: /^prompts\.points\[1\] must be inside the image of 20 x 10 pixels, but got \(20\.5, 3\)\.$/,
    },
  );
  t.throws(() => place({ points: [{ x: -1, y: 1 }] }), { code: INVALID });
  t.throws(() => place({ box: [20, 0, 30, 5] }), {
    code: INVALID,
    message: /^prompts\.box must be on the image/,
  });
  t.throws(() => place({ mask: new Uint8Array(7) }), {
    code: 'ERR_SHAPE',
    message: 'prompts.mask must have 200 elements (20 x 10 pixels, like the image), but has 7.',
  });
  t.throws(() => place({ mask: new Float32Array(7) }), {
    code: 'ERR_SHAPE',
    message: /must have 1024 elements/,
  });

  t.same(place({}), { rows: 1, pointsPerRow: 0 });
  t.same(
    place({
      points: [
        { x: 20, y: 10 },
        { x: 0, y: 0, label: 0 },
      ],
      box: [-2, 0, 30, 5],
    }),
    {
      rows: 1,
      pointsPerRow: 2,
      points: Float32Array.of(20, 10, 0, 0),
      labels: Float32Array.of(1, 0),
      boxes: Float32Array.of(-2, 0, 30, 5),
    },
  );
  t.match(
    place({
      boxes: [
        [0, 0, 1, 1],
        [2, 2, 3, 3],
      ],
    }),
    { rows: 2, boxes: Float32Array.of(0, 0, 1, 1, 2, 2, 3, 3) },
  );
});

t.test('prompts are copied', async (t) => {
  const mask = Buffer.alloc(200, 1);
  const points = [{ x: 1, y: 1 }];
  const prepared = preparePrompts({ mask, points });
  mask.fill(0);
  points[0]!.x = 9;
  t.equal(
    prepared.mask?.every((value) => value === 1),
    true,
  );
  t.equal(prepared.points[0]?.x, 1);
});

t.test('images', async (t) => {
  const segmenter = await Segmenter.load({ config: TINY, device: 'cpu', threads: 1 });
  t.teardown(() => segmenter.close());
  const good = picture();
  const cases: [unknown, { code: string; message: RegExp }][] = [
    [undefined, { code: INVALID, message: /^image must be a path or \{ data, .* but got nothing\.$/ }],
    [good.data, { code: INVALID, message: /^image must be .* but got a Uint8Array of length 5760\.$/ }],
    [
      { ...good, width: 0 },
      { code: INVALID, message: /^image\.width must be an integer from 1/ },
    ],
    [
      { ...good, height: 1.5 },
      { code: INVALID, message: /^image\.height must be an integer from 1/ },
    ],
    [
      { ...good, channels: 4 },
      { code: INVALID, message: /^image\.channels must be 1 \(grey\) or 3 \(RGB\), but got 4\.$/ },
    ],
    [
      { ...good, data: [1, 2] },
      { code: INVALID, message: /^image\.data must be a Uint8Array, .* but got an array/ },
    ],
    [
      { ...good, data: new Uint8Array(7) },
      {
        code: 'ERR_SHAPE',
        message: /^image\.data must have 5760 elements \(48 x 40 pixels x 3 channels\), but has 7\.$/,
      },
    ],
    ['/there/is/none.png', { code: 'ERR_IMAGE_NOT_FOUND', message: /\/there\/is\/none\.png/ }],
  ];
  for (const [image, expected] of cases) {
    await t.rejects(segmenter.encode(image as never), expected);
    await t.rejects(segmenter.predict(image as never), expected);
  }
  await t.rejects(segmenter.encode(good, { window: 'lungs' as never }), { code: INVALID, message: /window/ });
  await t.rejects(segmenter.predict(good, {}, { multiMask: true } as never), {
    message: /no option "multiMask"/,
  });
  await t.rejects(segmenter.predict(good, {}, { multimask: 1 } as never), {
    message: /^options\.multimask must be true or false/,
  });
  await t.rejects(segmenter.encode(good, { signal: {} as AbortSignal }), {
    message: /^options\.signal must be an AbortSignal/,
  });
  await t.rejects(segmenter.save('', {}), { code: INVALID, message: /^path must be/ });
  await t.rejects(segmenter.save('x', { what: 'all' as never }), {
    code: INVALID,
    message: /^options\.what must be 'adapter' or/,
  });
  await t.rejects(segmenter.save('x', 'full' as never), {
    code: INVALID,
    message: /^options must be an object/,
  });

  const other = await Segmenter.load({ config: TINY, device: 'cpu', threads: 1 });
  t.teardown(() => other.close());
  const embedding = await other.encode(good);
  await t.rejects(segmenter.predict(embedding), { code: INVALID, message: /an embedding of this segmenter/ });
});

t.test('training options', async (t) => {
  const json = (dataset: unknown, options: unknown) =>
    JSON.parse(trainOptionsJson(dataset as string, options as TrainOptions));
  t.same(json('/stores/a', { out: '/run', steps: 5, signal: undefined, seed: undefined }), {
    data: ['/stores/a'],
    out: '/run',
    steps: 5,
  });
  t.same(json(['/a', '/b'], { out: '/run', adapter: { kind: 'lora', rank: 2 }, train: ['adapter'] }), {
    data: ['/a', '/b'],
    out: '/run',
    adapter: { kind: 'lora', rank: 2 },
    train: ['adapter'],
  });
  const cases: [unknown, unknown, RegExp][] = [
    [[], { out: 'x' }, /^dataset must be the folder of a slice store/],
    [5, { out: 'x' }, /^dataset must be the path of a folder, but got 5/],
    ['s', undefined, /^options must be an object, but got nothing/],
    ['s', {}, /^options\.out must be the path of a folder, but got nothing/],
    ['s', { out: 'x', stepps: 5 }, /stepps/],
    ['s', { out: 'x', steps: '5' }, /steps/],
    ['s', { out: 'x', steps: 1.5 }, /steps/],
    ['s', { out: 'x', schedule: 'sine' }, /schedule/],
    ['s', { out: 'x', adapter: { kind: 'lora', ranks: 4 } }, /ranks/],
    ['s', { out: 'x', signal: 1 }, /^options\.signal must be an AbortSignal/],
  ];
  for (const [dataset, options, message] of cases) {
    t.throws(() => json(dataset, options), { name: 'GmisegError', code: INVALID, message });
  }
});

t.test('every training option of the native side can be said, and none that it does not know', async (t) => {
  const { readFileSync } = await import('node:fs');
  const source = readFileSync(join(packageRoot().path, 'native/core/train/options.h'), 'utf8');
  const known = [...source.matchAll(/^ {2}\S.*\/\/ ((?:"\w+"(?:, )?)+)[:,;]?/gm)].flatMap((match) =>
    [...match[1]!.matchAll(/"(\w+)"/g)].map((key) => key[1]!),
  );
  t.ok(known.length > 40, `${known.length} keys documented in options.h`);
  const values: Record<string, unknown> = {
    target: 'area',
    train: 'all',
    datasets: [],
    labels: [],
    adapter: null,
    supports: [1],
    taskEncoder: null,
    baseline: null,
  };
  for (const key of known) {
    if (key === 'data' || key === 'out') continue;
    const tries = [values[key], 1, true, 'float32', 'cosine'].filter((value) => value !== undefined);
    const accepted = tries.some((value) => {
      try {
        return trainOptionsJson('s', { out: 'x', [key]: value }).includes(`"${key}"`);
      } catch {
        return false;
      }
    });
    t.ok(accepted, key);
  }
});
