import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { importDataset } from '../../lib/dataset/import-dataset.js';
import { openDataset } from '../../lib/dataset/layouts/index.js';
import { SliceStore } from '../../lib/dataset/slice-store.js';
import { pnmBytes } from '../helpers/layout-files.js';
import { parseSafetensors } from '../helpers/safetensors.js';
import { niftiBytes, writeNnunet } from '../helpers/tiny-dataset.js';

t.test('an nnU-Net raw folder: labels, channels, subjects', async (t) => {
  const root = t.testdir();
  await writeNnunet(root, { patients: 3 });
  const folder = await openDataset('nnunet', root);
  t.equal(folder.count, 6);
  t.same(
    [...folder.labels],
    [
      [1, 'wall'],
      [2, 'cavity'],
    ],
  );
  const [first] = [...folder.cases()];
  t.match(first, { id: 'patient001_frame01', subject: 'patient001', modality: ['cine-MRI'] });
  t.ok(existsSync(first?.imagePaths[0] ?? ''));
});

t.test('dataset.json with regions, an ignore label, Decathlon order, and mistakes', async (t) => {
  const root = t.testdir();
  await writeNnunet(root, { patients: 1 });
  const file = path.join(root, 'dataset.json');
  const write = (json: unknown): Promise<void> => writeFile(file, JSON.stringify(json));
  await write({ labels: { background: 0, whole: [1, 2], core: [2], ignore: 3 }, file_ending: '.nii.gz' });
  const regions = await openDataset('nnunet', root);
  t.same(
    [...regions.regions],
    [
      ['whole', [1, 2]],
      ['core', [2]],
    ],
  );
  t.same(
    [...regions.labels],
    [
      [1, 'label 1'],
      [2, 'core'],
    ],
  );
  t.equal(regions.ignoreLabel, 3);
  await write({ labels: { 0: 'background', 1: 'left atrium' }, modality: { 0: 'MRI' } });
  const swapped = await openDataset('nnunet', root);
  t.same([...swapped.labels], [[1, 'left atrium']]);
  t.same([...swapped.cases()][0]?.modality, ['MRI']);
  await write({ labels: { wall: 300 } });
  await t.rejects(openDataset('nnunet', root), { code: 'ERR_DATASET', message: /"wall".*300/ });
  await writeFile(file, '{');
  await t.rejects(openDataset('nnunet', root), { code: 'ERR_DATASET', message: /not valid JSON/ });
  await t.rejects(openDataset('nnunet', path.join(root, 'nowhere')), { code: 'ERR_DATASET' });
  await t.rejects(openDataset('zarr', root), { code: 'ERR_INVALID_ARG', message: /nnunet, decathlon/ });
  await write({ labels: { wall: 1 }, file_ending: '.nii.gz' });
  await rm(path.join(root, 'imagesTr', 'patient001_frame02_0000.nii.gz'));
  await t.rejects(openDataset('nnunet', root), { code: 'ERR_DATASET', message: /patient001_frame02_0000/ });
});

t.test('import: slices, square pixels, windows, splits, provenance', async (t) => {
  const root = t.testdir();
  const source = path.join(root, 'tiny');
  await writeNnunet(source, { patients: 6 });
  const out = path.join(root, 'store');
  const seen: number[] = [];
  const summary = await importDataset({
    layout: 'nnunet',
    source,
    out,
    split: { valEvery: 4 },
    onProgress: ({ done }) => seen.push(done),
  });
  t.same(
    seen,
    Array.from({ length: 13 }, (_, at) => at),
  );
  t.equal(summary.cases, 12);
  // Both labels have their middle on the same slice of each axis.
  t.equal(summary.slices, 12 * 3);
  t.match(summary.splits, {
    train: { subjects: 3 },
    val: { subjects: 1 },
    test: { subjects: 2, slices: 12 },
  });

  const index = JSON.parse(await readFile(path.join(out, 'index.json'), 'utf8'));
  t.match(index.provenance, { gmiseg: /^\d/, source, options: { policy: 'mid-object', axes: [0, 1, 2] } });
  t.same(index.labels, { tiny: { 1: 'wall', 2: 'cavity' } });
  const sides = new Map<string, Set<string>>();
  for (const { subject, split } of index.slices)
    sides.set(subject, (sides.get(subject) ?? new Set()).add(split));
  t.ok(
    [...sides.values()].every((set) => set.size === 1),
    'no subject is on two sides',
  );
  t.same(
    [...sides].filter(([, set]) => set.has('test')).map(([name]) => name),
    ['patient003', 'patient006'],
  );

  const axial = index.slices.find((slice: { axis: number }) => slice.axis === 2);
  t.match(axial, {
    subject: 'patient001',
    case: 'patient001_frame01',
    index: 3,
    height: 24,
    width: 20,
    channels: 1,
  });
  t.same(axial.spacing, [1.5, 1.5]);
  t.equal(axial.resampled, undefined);
  // Across i, the columns run along j (24 of 1.5 mm) and the rows along k (8 of 6 mm).
  const sagittal = index.slices.find((slice: { axis: number }) => slice.axis === 0);
  t.match(sagittal, { height: 32, width: 24, spacing: [1.5, 1.5] });
  t.same(sagittal.resampled, { height: 8, width: 24, spacing: [6, 1.5] });

  const tensors = parseSafetensors(await readFile(path.join(out, axial.file)));
  const image = tensors[axial.image];
  const mask = tensors[axial.mask];
  const means = [0, 1, 2].map((label) => {
    const inside = [...(mask?.data ?? [])].flatMap((value, at) =>
      value === label ? [image?.data[at] ?? 0] : [],
    );
    t.equal(label === 0 ? undefined : inside.length, axial.labels[label]);
    return inside.reduce((a, b) => a + b, 0) / inside.length;
  });
  t.ok((means[0] ?? 0) < 20 && (means[2] ?? 0) > 230, 'the grey values are spread over 0 .. 255');
  t.ok((means[0] ?? 0) < (means[1] ?? 0) && (means[1] ?? 0) < (means[2] ?? 0), 'and keep their order');
});

t.test('a limited import puts everybody on the same side as a full one', async (t) => {
  const root = t.testdir();
  await writeNnunet(path.join(root, 'tiny'), { patients: 5 });
  const options = { layout: 'nnunet', source: path.join(root, 'tiny') };
  await importDataset({ ...options, out: path.join(root, 'all') });
  await importDataset({
    ...options,
    out: path.join(root, 'some'),
    limit: 5,
    square: false,
    axes: [2],
    policy: 'all',
  });
  const sideOf = async (name: string): Promise<Map<string, string>> => {
    const store = await SliceStore.open(path.join(root, name));
    t.teardown(() => store.close());
    return new Map(store.slices.map((slice) => [slice.subject, slice.split]));
  };
  const [all, some] = [await sideOf('all'), await sideOf('some')];
  t.ok(some.size > 0 && some.size < all.size);
  for (const [subject, side] of some) t.equal(all.get(subject), side);
});

t.test('mask and image on different grids are refused, on different places warned about', async (t) => {
  const root = t.testdir();
  const source = path.join(root, 'tiny');
  await writeNnunet(source, { patients: 1 });
  const label = path.join(source, 'labelsTr', 'patient001_frame01.nii.gz');
  const ones = new Uint8Array(20 * 24 * 8).fill(1);
  await writeFile(label, niftiBytes(ones, [20, 24, 8], [1.5, 1.5, 6], [30, 0, 0]));
  const options = { layout: 'nnunet', source, split: { rule: 'none' as const, valEvery: 0 } };
  const summary = await importDataset({ ...options, out: path.join(root, 'moved') });
  t.match(summary.warnings, [/patient001_frame01: .*different places/]);
  await writeFile(label, niftiBytes(ones, [20, 24, 8], [1.5, 1.5, 5]));
  await t.rejects(importDataset({ ...options, out: path.join(root, 'bad') }), {
    code: 'ERR_DATASET',
    message: /voxel size 1.5 x 1.5 x 5/,
  });
  await writeFile(label, niftiBytes(ones, [24, 20, 8], [1.5, 1.5, 6]));
  await t.rejects(importDataset({ ...options, out: path.join(root, 'bad') }), {
    code: 'ERR_DATASET',
    message: /shape 24 x 20 x 8/,
  });
  const floats = Float32Array.from(ones, (one) => one - 3e-8);
  await writeFile(label, niftiBytes(floats, [20, 24, 8], [1.5, 1.5, 6]));
  t.match(await importDataset({ ...options, out: path.join(root, 'floats') }), {
    labels: [{ value: 1 }, { value: 2 }],
  });
  t.same((await readdir(root)).sort(), ['floats', 'moved', 'tiny'], 'failed imports leave nothing');
});

t.test('plain folders of pictures: greys become labels', async (t) => {
  const root = t.testdir();
  const pgm = (pixels: readonly number[], width: number): Buffer =>
    pnmBytes({ data: pixels, width, height: pixels.length / width });
  const picture = Array.from({ length: 36 }, (_, at) => at * 7);
  const mask = (low: number, high: number): number[] =>
    Array.from({ length: 36 }, (_, at) => (at < 12 ? 0 : at < 24 ? low : high));
  for (const folder of ['images', 'masks'])
    await mkdir(path.join(root, 'cells', folder), { recursive: true });
  const put = async (name: string, pixels: readonly number[]): Promise<void> => {
    await writeFile(path.join(root, 'cells', 'images', `${name}.pgm`), pgm(picture, 6));
    await writeFile(path.join(root, 'cells', 'masks', `${name}.pgm`), pgm(pixels, 6));
  };
  await put('a', mask(128, 255));
  await put('b', mask(0, 255));
  const options = { layout: 'folders', source: path.join(root, 'cells'), minArea: 1 };
  const summary = await importDataset({ ...options, out: path.join(root, 'one') });
  t.same(summary.labels, [
    { value: 1, name: 'grey 128', slices: 1 },
    { value: 2, name: 'grey 255', slices: 2 },
  ]);
  const many = Array.from({ length: 36 * 200 }, (_, at) => (at === 0 ? 121 : at < 3600 ? 128 : 255));
  await writeFile(path.join(root, 'cells', 'images', 'c.pgm'), pgm(many, 36));
  await writeFile(path.join(root, 'cells', 'masks', 'c.pgm'), pgm(many, 36));
  await t.rejects(importDataset({ ...options, out: path.join(root, 'strays') }), {
    code: 'ERR_DATASET',
    message: /121, 128, 255.*--labels 128=NAME,255=NAME/,
  });
  await put('c', mask(120, 250));
  const labels = new Map([
    [128, 'cytoplasm'],
    [255, 'nucleus'],
  ]);
  const snapped = await importDataset({ ...options, labels, out: path.join(root, 'two') });
  t.same(snapped.labels, [
    { value: 1, name: 'cytoplasm', slices: 2 },
    { value: 2, name: 'nucleus', slices: 3 },
  ]);
  const store = await SliceStore.open(path.join(root, 'two'));
  t.teardown(() => store.close());
  const { image, mask: stored } = await store.read(store.slices[2]!);
  t.same(
    [...image],
    picture.map((value) => value % 256),
    '8-bit pictures stay as they are',
  );
  t.same([...stored], mask(1, 2));
  await writeFile(path.join(root, 'cells', 'masks', 'd.pgm'), pgm(mask(128, 255), 6));
  await t.rejects(importDataset({ ...options, out: path.join(root, 'three') }), {
    message: /d\.pgm has no image/,
  });
});

t.test('an abort leaves nothing behind', async (t) => {
  const root = t.testdir();
  await writeNnunet(path.join(root, 'tiny'), { patients: 3 });
  const controller = new AbortController();
  await t.rejects(
    importDataset({
      layout: 'nnunet',
      source: path.join(root, 'tiny'),
      out: path.join(root, 'store'),
      signal: controller.signal,
      onProgress: ({ done }) => {
        if (done === 3) controller.abort(new Error('enough'));
      },
    }),
    { message: 'enough' },
  );
  t.same(await readdir(root), ['tiny']);
});
