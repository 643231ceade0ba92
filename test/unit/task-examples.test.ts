/** Examples: what is taken, what is refused and how the message helps; slices of volumes; options. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { encode as encodePng } from 'fast-png';
import t from 'tap';
import { readVolume, reorient, takeSlice, type Volume, writeVolume } from '../../lib/image/index.js';
import { groupsOf } from '../../lib/task/cross-predict.js';
import {
  binaryMask,
  canonical,
  type ExampleWarning,
  type MaskInput,
  pixelsOf,
  type TaskExample,
} from '../../lib/task/example.js';
import { type TaskOptions, taskSettings } from '../../lib/task/options.js';
import { promptsByLabel } from '../../lib/task/place-prompts.js';
import { type ExampleSettings, NONE_KNOWN, prepareExamples } from '../../lib/task/prepare-examples.js';
import { thickAxis } from '../../lib/task/slices-of-volume.js';
import { labelsOf, sameChannels } from '../../lib/task/state.js';
import { discs, scene } from '../helpers/tasks.js';
import { boxLabels, fill, niftiBytes, type Shape3, scanVoxels } from '../helpers/tiny-dataset.js';

const SETTINGS: ExampleSettings = {
  window: undefined,
  volume: {},
  values: null,
  signal: undefined,
};
const prepare = (examples: readonly TaskExample[], settings: Partial<ExampleSettings> = {}) =>
  prepareExamples(examples, { ...SETTINGS, ...settings })(NONE_KNOWN);
const INVALID = 'ERR_INVALID_ARG';

t.test('pictures in memory, as paths and as URLs are the same example', async (t) => {
  const root = t.testdir();
  const { image, mask } = scene([{ x: 20, y: 15, r: 8, label: 3 }]);
  const files = { image: path.join(root, 'scan.png'), mask: path.join(root, 'scan_mask.png') };
  await writeFile(files.image, encodePng(image));
  await writeFile(files.mask, encodePng({ ...mask, channels: 1 }));
  const { examples, axes } = await prepare([
    { image, mask, name: 'mine' },
    files,
    { image: pathToFileURL(files.image), mask: pathToFileURL(files.mask) },
    { image, mask },
  ]);
  t.same(
    examples.map(({ name }) => name),
    ['mine', 'scan', 'scan (2)', 'example 4'],
  );
  t.equal(new Set(examples.map(({ digest }) => digest)).size, 1);
  t.equal(axes, null);
  t.equal(canonical(examples).length, 1, 'and count once');
  t.ok(pixelsOf(examples[0]!, 3) > 100);
  t.same(new Set(binaryMask(examples[0]!, 3)), new Set([0, 1]));
});

t.test('what is in memory is copied in the call', async (t) => {
  const { image, mask } = scene([{ x: 20, y: 15, r: 8 }]);
  const pending = prepare([{ image, mask }]);
  const before = [...image.data];
  image.data.fill(0);
  mask.data.fill(0);
  const { examples } = await pending;
  t.same([...examples[0]!.picture.data], before);
  t.ok(pixelsOf(examples[0]!, 1) > 0);
});

t.test('order and repetition do not matter', async (t) => {
  const all = (await prepare(discs(5))).examples;
  const turned = (await prepare([...discs(5), ...discs(2)].reverse())).examples;
  t.same(
    canonical(turned).map(({ digest }) => digest),
    canonical(all).map(({ digest }) => digest),
  );
});

t.test('mixed sizes and channels', async (t) => {
  const grey = discs(1)[0]!;
  const stored = scene([{ x: 20, y: 15, r: 8 }], { channels: 3 });
  stored.image.data.forEach((_, at) => {
    stored.image.data[at] = stored.image.data[at - (at % 3)]!;
  });
  const colour = scene([{ x: 30, y: 25, r: 9 }], { channels: 3, width: 70, height: 30 });
  const mixed = sameChannels((await prepare([grey, stored, colour])).examples);
  t.equal(mixed.channels, 3);
  t.ok(mixed.examples.every(({ picture }) => picture.channels === 3));
  const plain = sameChannels((await prepare([grey, stored])).examples);
  t.equal(plain.channels, 1, 'grey that is stored as RGB is grey');
});

t.test('pictures of one patient are left out with their neighbours', async (t) => {
  const cut = [5, 1, 4, 0, 7, 2, 6, 3].map((index) => ({
    ...scene([{ x: 20, y: 15, r: 8 }], { seed: index }),
    name: `${index}`,
    group: 'p',
    index,
  }));
  const { examples } = await prepare(cut, { values: null });
  t.same(
    groupsOf(examples).map((block) => block.map(({ name }) => name)),
    [
      ['0', '1'],
      ['2', '3'],
      ['4', '5'],
      ['6', '7'],
    ],
  );
});

t.test(
  'a mask file is laid on its image: turned where it says so, voxel by voxel where it says nothing',
  async (t) => {
    const root = t.testdir();
    const shape: Shape3 = [12, 10, 4];
    const corner = Uint8Array.from(fill(shape, (i, j, k) => Number(i < 5 && j < 4 && k < 3)));
    const values = Int16Array.from(corner, (label, at) => 100 + 500 * label + ((at * 7919) % 89));
    const [image, plain] = [path.join(root, 'scan.nii'), path.join(root, 'plain.nii')];
    const bytes = (voxels: Int16Array | Uint8Array): Buffer => {
      const file = niftiBytes(voxels, shape, [2, 2, 5], [9, 14, -3]);
      // LPS, as converters from DICOM write images.
      file.writeFloatLE(-2, 280);
      file.writeFloatLE(-2, 280 + 20);
      return file;
    };
    await writeFile(image, bytes(values));
    await writeFile(plain, bytes(corner));
    const silent = path.join(root, 'silent.nii');
    const none = bytes(corner);
    none.writeInt16LE(0, 254); // no sform, and no qform either
    await writeFile(silent, none);
    const labels = await readVolume(plain);
    const turned = path.join(root, 'turned.nii');
    const { data, affine } = reorient(labels, 'LAS');
    await writeVolume(turned, { data, shape }, { affine });
    const digests = async (mask: MaskInput): Promise<string[]> => {
      const { examples } = await prepare([{ image, mask }], { volume: { minArea: 1 } });
      return examples.map(({ digest }) => digest);
    };
    const expected = await digests({ data: corner, shape });
    t.equal(expected.length, 3);
    t.same(await digests(plain), expected);
    t.same(await digests(silent), expected, 'a file that does not say how it lies');
    t.same(await digests(turned), expected, 'a file of another orientation');
    t.same(await digests(reorient(labels, 'LAS')), expected, 'in memory too');

    const warnings = async (mask: MaskInput): Promise<readonly ExampleWarning[]> =>
      (await prepare([{ image, mask }], { volume: { minArea: 1 } })).warnings;
    for (const mask of [plain, turned, { data: corner, shape }]) t.same(await warnings(mask), []);
    const affineAway = labels.affine.map((value, at) => value + (at === 3 ? 20 : 0));
    const away: Volume = { ...labels, affine: affineAway };
    t.match(
      await warnings(away),
      [{ source: 'scan', message: /different places in space/ }],
      'a mask elsewhere in space',
    );
  },
);

t.test('what is no example is refused with a remedy', async (t) => {
  const { image, mask } = scene([{ x: 20, y: 15, r: 8 }]);
  const wrong: [unknown, RegExp][] = [
    [[], /at least one example/],
    ['scan.png', /^examples must be an array/],
    [[{ image }], /examples\[0\] has neither a mask nor prompts/],
    [[{ image, mask, weight: 2 }], /no option "weight"/],
    [[{ image: 5, mask }], /^image must be a path or/],
    [[{ image, mask: 5 }], /^examples\[0\]\.mask must be a path/],
    [[{ image, mask: { ...mask, data: new Uint16Array(mask.data.length).fill(300) } }], /300.*Renumber/],
    [[{ image, mask, name: '' }], /name must be a text/],
    [[{ image, mask, group: 3 }], /group must be a text/],
    [[{ image, mask, index: 1.5 }], /index must be a whole number from 0/],
    [
      [
        { image, mask, name: 'a' },
        { image, mask, name: 'a' },
      ],
      /Two examples have the name "a"/,
    ],
    [[{ image, prompts: { points: [{ x: 'a', y: 1 }] } }], /points\[0\]\.x must be a finite number/],
  ];
  for (const [examples, message] of wrong) {
    t.throws(() => prepare(examples as never), { code: INVALID, message }, String(message));
  }
  t.throws(() => prepare([{ image, mask: { ...mask, width: 47 } }]), {
    code: 'ERR_SHAPE',
    message: /47 x 40/,
  });
  const other = scene([{ x: 5, y: 5, r: 3 }], { width: 20, height: 20 });
  await t.rejects(prepare([{ image, mask: other.mask }]), {
    code: 'ERR_SHAPE',
    message: /example 1 is 48 x 40 pixels, but its mask 20 x 20/,
  });
  await t.rejects(prepare([{ image: '/no/such.png', mask }]), { code: 'ERR_IMAGE_NOT_FOUND' });
});

t.test('labels: those of the masks, those named, those that are wanted', async (t) => {
  const two = (
    await prepare([
      scene([
        { x: 12, y: 15, r: 6, label: 2 },
        { x: 34, y: 22, r: 6, label: 5 },
      ]),
    ])
  ).examples;
  const labels = (options: TaskOptions) => labelsOf(taskSettings(options), two);
  t.same(labels({}), [
    { value: 2, name: 'label 2' },
    { value: 5, name: 'label 5' },
  ]);
  t.same(labels({ labels: [5] }), [{ value: 5, name: 'label 5' }]);
  t.same(
    labels({ labels: { 5: 'wall', 9: 'cavity' } }),
    [{ value: 5, name: 'wall' }],
    'of names, those that occur',
  );
  t.throws(() => labels({ labels: [5, 9] }), { code: INVALID, message: /label 9; the masks hold 2, 5/ });
  t.same(labels({ labels: new Map([[9, 'x']]) }), []);
  t.throws(() => labels({ labels: [9] }), { code: INVALID });
  const only = (
    await prepare(
      [
        scene([
          { x: 12, y: 15, r: 6, label: 2 },
          { x: 34, y: 22, r: 6, label: 5 },
        ]),
      ],
      { values: new Set([5]) },
    )
  ).examples;
  t.equal(pixelsOf(only[0]!, 2), 0);
  const empty = (await prepare([scene([])])).examples;
  t.throws(() => labelsOf(taskSettings({}), empty), { code: INVALID, message: /All masks are empty/ });
  t.throws(() => labelsOf(taskSettings({ labels: [4] }), empty), {
    code: INVALID,
    message: /labels asked for \(4\)/,
  });
  const blurred = scene([]);
  blurred.mask.data.forEach((_, at) => {
    blurred.mask.data[at] = at % 200;
  });
  t.throws(() => labelsOf(taskSettings({}), [{ ...empty[0]!, mask: blurred.mask.data }]), {
    message: /save them anew as PNG/,
  });
});

t.test('volumes become slices', async (t) => {
  const shape: Shape3 = [20, 24, 12];
  const labels = boxLabels(shape);
  const voxels = scanVoxels(labels);
  const root = t.testdir();
  for (const [name, values] of [
    ['a', voxels],
    ['b', voxels.map((value) => value + 10)],
  ] as const) {
    await writeFile(path.join(root, `${name}.nii`), niftiBytes(values, shape, [1.5, 1.5, 6]));
  }
  await writeFile(path.join(root, 'truth.nii'), niftiBytes(labels, shape, [1.5, 1.5, 6]));
  const of = (name: string): TaskExample => ({
    image: path.join(root, `${name}.nii`),
    mask: path.join(root, 'truth.nii'),
  });
  const slices = async (examples: TaskExample[], volume = {}, values: ReadonlySet<number> | null = null) =>
    (await prepare(examples, { volume, values })).examples;

  const both = await slices([of('a'), of('b')], { slices: 6 });
  t.equal(both.length, 6);
  t.same(new Set(both.map(({ axis }) => axis)), new Set([2]), 'across the thickest slices');
  t.same(
    both.slice(0, 3).map(({ name }) => name),
    ['a k=2', 'a k=6', 'a k=9'],
  );
  t.same(
    groupsOf(both).map((group) => group.length),
    [3, 3],
  );
  const patient = await slices([
    { ...of('a'), group: 'p' },
    { ...of('b'), group: 'p' },
    { ...of('b'), name: 'c' },
  ]);
  t.equal(groupsOf(patient).length, 2, 'images of one patient are left out together');
  t.equal((await slices([of('a')])).length, 10, 'no more than show a label');
  const one = await slices([of('a'), of('b')], { slices: 1 });
  t.equal(one.length, 2, 'every volume gives one');
  const across = await slices([of('a')], { axes: 'three', slices: 2 });
  t.same([...new Set(across.map(({ axis }) => axis))].sort(), [0, 1, 2]);
  t.match(
    across.find(({ axis }) => axis === 0)?.picture,
    { width: 24 * 1, height: 48, sourceHeight: 12 },
    'square pixels',
  );
  t.same(
    (await slices([of('a')], { axis: 1, policy: 'mid-object' })).map(({ axis, index }) => [axis, index]),
    [[1, 11]],
  );
  const plane = { shape: [20, 24, 1] as const, frames: 1, spacing: [2, 2, 1] as const };
  const affine = [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  const [grey, truth] = [voxels.slice(6 * 480, 7 * 480), labels.slice(6 * 480, 7 * 480)];
  const flat = { image: { ...plane, data: grey, affine }, mask: { data: truth, shape: plane.shape } };
  t.same((await prepare([flat])).axes, [2], 'the one slice of a flat volume, whatever its spacing');
  const mixed = await prepare([flat, of('a')], { volume: { axes: 'three', slices: 2 } });
  t.same(mixed.axes, [0, 1, 2]);
  t.equal(mixed.examples.filter(({ source }) => source === 'example 1').length, 1, 'and once');
  const core = await slices([of('a')], { policy: 'max-area' }, new Set([2]));
  t.ok(core.every((example) => pixelsOf(example, 1) === 0 && pixelsOf(example, 2) > 0));

  const volume = await readVolume(path.join(root, 'a.nii'));
  const inMemory = await slices([{ image: volume, mask: { data: labels, shape }, name: 'm' }], { slices: 1 });
  t.same(inMemory[0]!.picture.data, (await slices([of('a')], { slices: 1 }))[0]!.picture.data);
  t.equal(takeSlice(volume, 2, inMemory[0]!.index!).width, 20);

  await t.rejects(slices([of('a')], {}, new Set([9])), {
    code: INVALID,
    message: /No slice of a shows 10 pixels/,
  });
  const { image, mask } = scene([{ x: 9, y: 9, r: 5 }]);
  await t.rejects(slices([{ image: volume, mask }]), { code: 'ERR_SHAPE', message: /one grid/ });
  await t.rejects(slices([{ image, mask: path.join(root, 'truth.nii') }]), {
    code: 'ERR_SHAPE',
    message: /but its mask a volume/,
  });
  await t.rejects(slices([{ image: volume, prompts: { points: [{ x: 1, y: 1 }] } }]), {
    message: /a volume without a mask/,
  });
  const film: Volume = { ...volume, frames: 2, data: new Int16Array(2 * volume.data.length) };
  t.throws(() => prepare([{ image: film, mask: { data: labels, shape } }]), {
    code: 'ERR_IMAGE_FORMAT',
    message: /2 time points/,
  });
  t.equal(thickAxis([1, 1, 1]), 2);
  t.equal(thickAxis([4, 1, 1]), 0);
});

t.test('options', async (t) => {
  t.same(taskSettings({}), {
    engine: 'auto',
    output: 'auto',
    partner: 'auto',
    location: null,
    temperature: null,
    scale: 'auto',
    cutoff: null,
    view: 'auto',
    inputSize: null,
    look: 'auto',
    ensemble: 1,
    subset: 0,
    flips: false,
    labels: null,
    allLabels: false,
    window: null,
    volume: {},
    seed: 0,
  });
  const wrong: [unknown, RegExp][] = [
    [{ engin: 'auto' }, /no option "engin"/],
    [{ engine: 'magic' }, /options\.engine must be 'auto' or/],
    [{ output: 'both' }, /options\.output/],
    [{ scale: 'log' }, /options\.scale/],
    [{ look: 'flat-grey' }, /options\.look must be 'auto' or/],
    [{ cutoff: 1 }, /options\.cutoff must be a number from 0\.01 to 0\.99/],
    [{ inputSize: 8 }, /options\.inputSize/],
    [{ view: 'tiles' }, /options\.view/],
    [{ partner: 'copy' }, /options\.partner/],
    [{ ensemble: 0 }, /options\.ensemble must be an integer from 1 to 64/],
    [{ location: 2 }, /options\.location must be a number from 0 to 1/],
    [{ temperature: 0 }, /options\.temperature/],
    [{ flips: 'yes' }, /options\.flips/],
    [{ labels: [] }, /options\.labels/],
    [{ labels: [0] }, /label values from 1 to 255/],
    [{ labels: [1, 1] }, /each once/],
    [{ labels: { 1: '' } }, /options\.labels\[1\]/],
    [{ labels: 5 }, /options\.labels/],
    [{ window: 'lungs' }, /options\.window must be \[low, high\]/],
    [{ window: [3, 1] }, /options\.window/],
    [{ volume: { axis: 3 } }, /options\.volume\.axis must be 0, 1 or 2/],
    [{ volume: { axes: 'three', axis: 1 } }, /leave `axis` out/],
    [{ volume: { policy: 'some' } }, /options\.volume\.policy/],
    [{ volume: { slices: 0 } }, /options\.volume\.slices/],
    [{ onProgress: 1 }, /options\.onProgress must be a function/],
  ];
  for (const [options, message] of wrong) {
    t.throws(() => taskSettings(options as TaskOptions), { code: INVALID, message }, String(message));
  }
});

t.test('prompts of a task', async (t) => {
  const one = [{ value: 4 }];
  const two = [{ value: 4 }, { value: 7 }];
  const points = [{ x: 1, y: 2 }];
  t.equal(promptsByLabel(undefined, one).size, 0);
  t.equal(promptsByLabel({}, one).size, 0);
  t.same([...promptsByLabel({ points }, one).keys()], [4]);
  t.same([...promptsByLabel({ 7: { points } }, two).keys()], [7]);
  t.same([...promptsByLabel(new Map([[4, { box: [0, 0, 3, 3] as const }]]), two).keys()], [4]);
  t.throws(() => promptsByLabel({ points }, two), { code: INVALID, message: /labels 4, 7; say which/ });
  t.throws(() => promptsByLabel({ 9: { points } }, two), {
    code: INVALID,
    message: /label 9; the task has 4, 7/,
  });
  t.throws(() => promptsByLabel({ mask: new Uint8Array(4) }, one), {
    code: INVALID,
    message: /points and one box/,
  });
  t.throws(
    () =>
      promptsByLabel(
        {
          boxes: [
            [0, 0, 1, 1],
            [2, 2, 3, 3],
          ],
        },
        one,
      ),
    { code: INVALID },
  );
});
