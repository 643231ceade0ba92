/** Tasks on volumes: geometry, axes, neighbours. */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import {
  type LabelVolume,
  readVolume,
  reorient,
  type Volume,
  writeMask,
  writeVolume,
} from '../../lib/image/index.js';
import { overlap } from '../../lib/metrics.js';
import { Segmenter } from '../../lib/segmenter.js';
import type { TaskExample } from '../../lib/task/example.js';
import { alike, unlike } from '../helpers/alike.js';
import { TINY_WEIGHTS } from '../helpers/models.js';
import { discs, taskModel } from '../helpers/tasks.js';
import { boxLabels, niftiBytes, type Shape3, scanVoxels } from '../helpers/tiny-dataset.js';

const INVALID = 'ERR_INVALID_ARG';
const shape: Shape3 = [20, 24, 8];
const labels = boxLabels(shape);

async function files(t: Test, count: number): Promise<{ images: string[]; truth: string }> {
  const root = t.testdir();
  const images: string[] = [];
  for (let at = 0; at < count; at++) {
    images.push(join(root, `v${at}.nii`));
    await writeFile(images[at]!, niftiBytes(scanVoxels(labels, at), shape, [1.5, 1.5, 6], [-12, 30, 7]));
  }
  const truth = join(root, 'truth.nii');
  await writeFile(truth, niftiBytes(labels, shape, [1.5, 1.5, 6], [-12, 30, 7]));
  return { images, truth };
}

async function open(t: Test): Promise<Segmenter> {
  const segmenter = await Segmenter.load({ checkpoint: TINY_WEIGHTS, device: 'cpu', threads: 1 });
  t.teardown(() => segmenter.close());
  return segmenter;
}

const ENGINE = { engine: 'threshold', view: 'whole' } as const;

t.test('a mask elsewhere in space: the task says so, and its file remembers', async (t) => {
  const segmenter = await open(t);
  const { images, truth } = await files(t, 2);
  const { data, affine } = await readVolume(truth);
  const away = join(dirname(truth), 'away.nii');
  await writeVolume(away, { data, shape }, { affine: affine.map((value, at) => value + (at === 3 ? 9 : 0)) });
  const pair = images.map((image, at) => ({ image, mask: at === 0 ? truth : away }));
  const task = await segmenter.defineTask(pair, ENGINE);
  const warning = ['v1: image and mask name different places in space; they are matched voxel by voxel'];
  t.same(task.info.warnings, warning);
  const file = join(dirname(truth), 'away.gmtask');
  await task.save(file, { withExamples: true });
  const loaded = await segmenter.loadTask(file);
  t.same(loaded.info.warnings, warning);
  await loaded.remove('v1');
  t.same(loaded.info.warnings, []);
  await loaded.add(pair.slice(1));
  t.same(loaded.info.warnings, warning);
});

t.test('label volumes as examples, results on the source grid', async (t) => {
  const segmenter = await open(t);
  const { images, truth } = await files(t, 3);
  const examples: TaskExample[] = images.slice(0, 2).map((image) => ({ image, mask: truth }));
  const task = await segmenter.defineTask(examples, { ...ENGINE, volume: { slices: 4 } });
  t.same(task.info.axes, [2]);
  t.equal(task.info.examples.length, 6, 'two of each, and one more for the label that these missed');
  const source = await readVolume(images[2]!);
  const fractions: number[] = [];
  const result = await task.predict(source, {
    returnProbability: true,
    onProgress: ({ stage, fraction }) => {
      if (stage === 'predict') fractions.push(fraction);
    },
  });
  t.ok(fractions.length >= 8 && fractions.every((each) => each >= 0 && each <= 1));
  t.match(result, { kind: 'volume', shape, spacing: [1.5, 1.5, 6], axes: [2], values: [1, 2], count: 2 });
  for (const value of [1, 2]) {
    const dice = overlap(
      result.labels.map((each) => Number(each === value)),
      labels.map((each) => Number(each === value)),
    ).dice;
    t.ok(dice > 0.95, `label ${value}: ${dice}`);
  }
  t.equal(result.probability?.length, 2 * labels.length);
  const plain = await task.predict(images[2]!);
  alike(t, plain.labels, result.labels, 'slice by slice as with all probabilities at hand');
  const out = join(dirname(truth), 'mask.nii.gz');
  if (plain.kind !== 'volume') throw new Error('no volume came');
  await writeMask(out, { data: plain.labels, shape: plain.shape }, { like: plain.volume });
  const written = (await readVolume(out)) as LabelVolume;
  t.same(written.affine, source.affine);
  alike(t, Uint8Array.from(written.data), plain.labels);

  await task.remove('v0');
  t.ok(
    task.info.examples.every((name) => name.startsWith('v1 ')),
    'a volume leaves with all its slices',
  );
  await task.add([{ image: images[0]!, mask: truth }]);
  t.ok(
    task.info.examples.some((name) => name.startsWith('v0 k=')),
    'and comes back across the same axis',
  );
  await t.rejects(task.predict(source, { prompts: { 1: { points: [{ x: 1, y: 1 }] } } }), {
    code: INVALID,
    message: /cut the slice/,
  });
  await t.rejects(task.predict(source, { axes: 'three' }), { code: INVALID, message: /axes: 'three'/ });
  const stop = new Error('enough');
  const controller = new AbortController();
  const onProgress = (): void => controller.abort(stop);
  await t.rejects(task.predict(source, { signal: controller.signal, onProgress }), stop);
});

t.test('three axes: the mean over all', async (t) => {
  const segmenter = await open(t);
  const { images, truth } = await files(t, 1);
  const task = await segmenter.defineTask([{ image: images[0]!, mask: truth }], {
    ...ENGINE,
    labels: [2],
    volume: { axes: 'three', slices: 2, minArea: 4 },
  });
  t.same(task.info.axes, [0, 1, 2]);
  t.same(
    task.info.choices.map(({ axis }) => axis),
    [0, 1, 2],
  );
  const options = { returnProbability: true, returnUncertainty: true };
  const all = await task.predict(await readVolume(images[0]!), options);
  t.same(all.axes, [0, 1, 2]);
  const single = await Promise.all(
    ([0, 1, 2] as const).map(
      async (axis) => await task.predict(await readVolume(images[0]!), { ...options, axis }),
    ),
  );
  const largest = all.probability!.reduce((most, value, at) => {
    const mean = single.reduce((sum, each) => sum + each.probability![at]!, 0) / 3;
    return Math.max(most, Math.abs(value - mean));
  }, 0);
  t.ok(largest < 1e-6, `${largest}`);
  t.ok(
    all.uncertainty!.some((value) => value > 0),
    'the axes disagree here and there',
  );
  const one = await task.predict(await readVolume(images[0]!), { axes: 'one' });
  t.same(one.axes, [2]);
});

t.test('a task of pictures cuts a volume across its thickest slices', async (t) => {
  const segmenter = await open(t);
  const { images } = await files(t, 1);
  const task = await segmenter.defineTask(discs(2), ENGINE);
  const source = await readVolume(images[0]!);
  t.same((await task.predict(source)).axes, [2]);
  t.same((await task.predict(source, { axis: 0 })).axes, [0]);
  t.same((await task.predict(source, { axes: 'three' })).axes, [0, 1, 2]);
  const flat = (shape: Shape3, spacing: Shape3): Volume => {
    const affine = [spacing[0], 0, 0, 0, 0, spacing[1], 0, 0, 0, 0, spacing[2], 0, 0, 0, 0, 1];
    const data = Uint8Array.from({ length: 20 * 24 }, (_, at) => (at * 37) % 251);
    return { data, shape, frames: 1, spacing, affine };
  };
  t.same((await task.predict(flat([20, 24, 1], [2, 2, 1]))).axes, [2], 'pictures, not lines');
  t.same((await task.predict(flat([1, 20, 24], [1, 1, 1]), { axes: 'three' })).axes, [0]);
  const padded = { ...source, data: Float32Array.from(source.data).fill(Number.NaN, 0, 480) };
  const { probability } = await task.predict(padded, { returnProbability: true });
  t.ok(
    probability!.subarray(0, 480).every((value) => value === 0),
    'nothing beyond the body, be it padded with NaN',
  );
});

t.test('neighbours are part of the mask prompt where an engine ends in SAM', async (t) => {
  const checkpoint = await taskModel(t.testdir());
  const segmenter = await Segmenter.load({ checkpoint, device: 'cpu', threads: 1 });
  t.teardown(() => segmenter.close());
  const { images, truth } = await files(t, 2);
  const volume = await readVolume(images[1]!);
  for (const options of [
    { output: 'refined' },
    { output: 'refined', flips: true, view: 'tiles-2' },
    { output: 'dense' },
  ] as const) {
    const task = await segmenter.defineTask([{ image: images[0]!, mask: truth }], {
      engine: 'learned',
      view: 'whole',
      labels: [1],
      volume: { slices: 2 },
      ...options,
    });
    const ask = async (neighbours: number) =>
      (await task.predict(volume, { neighbours, returnProbability: true })).probability!;
    const [alone, again, hinted] = [await ask(0), await ask(0), await ask(1)];
    alike(t, alone, again);
    unlike(t, alone, hinted);
    t.ok(hinted.every((value) => value >= 0 && value <= 1));
    task.close();
  }
});

t.test('neighbours are a hint: a slice without contrast borrows, others keep their own', async (t) => {
  const segmenter = await open(t);
  const { images, truth } = await files(t, 2);
  const task = await segmenter.defineTask([{ image: images[0]!, mask: truth }], { ...ENGINE, labels: [1] });
  const source = await readVolume(images[1]!);
  const inSlice = shape[0] * shape[1];
  const data = Int16Array.from(source.data);
  // From one side of the target to the other its grey fades into that of its surroundings.
  for (let at = 4 * inSlice; at < 5 * inSlice; at++) {
    if (labels[at] === 1) data[at] = 200 + Math.round((700 * (at % shape[0])) / shape[0]);
  }
  const weak: Volume = { ...source, data };
  const plain = await task.predict(weak, { returnProbability: true });
  const hinted = await task.predict(weak, { returnProbability: true, neighbours: 1 });
  const found = (result: Uint8Array): number =>
    result
      .subarray(4 * inSlice, 5 * inSlice)
      .filter((value, at) => value === 1 && labels[4 * inSlice + at] === 1).length;
  const whole = labels.subarray(4 * inSlice, 5 * inSlice).filter((value) => value === 1).length;
  const [alone, helped] = [found(plain.labels), found(hinted.labels)];
  t.ok(alone < whole && helped > alone && helped <= whole, `${alone}, then ${helped} of ${whole} pixels`);
  const changed = hinted.labels.filter((value, at) => value !== plain.labels[at]).length;
  t.ok(changed < 0.1 * plain.labels.length, `${changed} voxels`);
  alike(
    t,
    (await task.predict(weak, { returnProbability: true, neighbours: 0 })).probability,
    plain.probability,
  );
});

t.test('however a volume is stored, the body is the same', async (t) => {
  const segmenter = await open(t);
  const { images, truth } = await files(t, 2);
  const options = { ...ENGINE, volume: { slices: 2 } };
  const [example, query] = [await readVolume(images[0]!), await readVolume(images[1]!)];
  const task = await segmenter.defineTask([{ image: images[0]!, mask: truth }], options);
  const plain = await task.predict(query, { returnProbability: true });
  const asMap = { ...query, data: plain.labels };
  for (const way of ['PIR', 'LAS', 'SLP']) {
    const turned = reorient(query, way);
    const result = await task.predict(turned, { returnProbability: true });
    t.same(result.shape, turned.shape);
    t.same(result.affine, turned.affine);
    t.same(result.axes, [2], 'across the body, not the file');
    alike(t, result.labels, reorient(asMap, way).data, way);
    const labelsOf = { ...example, data: labels };
    const mask = reorient(labelsOf, way);
    const again = await segmenter.defineTask(
      [{ image: reorient(example, way), mask: { data: mask.data, shape: mask.shape } }],
      options,
    );
    alike(t, (await again.predict(query)).labels, plain.labels, `${way}: examples`);
  }
  const stored = join(dirname(truth), 'turned.nii');
  await writeVolume(
    stored,
    { data: reorient({ ...example, data: labels }, 'LAS').data, shape },
    { affine: reorient(example, 'LAS').affine },
  );
  const mixed = await segmenter.defineTask([{ image: example, mask: stored }], options);
  alike(t, (await mixed.predict(query)).labels, plain.labels, 'a mask stored in another way than its image');
});
