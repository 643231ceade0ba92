import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { readSupport } from '../../lib/cli/support-folder.js';
import { importDataset } from '../../lib/dataset/import-dataset.js';
import { planImport } from '../../lib/dataset/import-plan.js';
import { openDataset } from '../../lib/dataset/layouts/index.js';
import { SliceStore } from '../../lib/dataset/slice-store.js';
import { labelTableExtension } from '../../lib/image/label-names.js';
import { serialiseExtensions } from '../../lib/image/nifti-extensions.js';
import { npyBytes } from '../helpers/array-files.js';
import { writeDicomSeries } from '../helpers/dicom-files.js';
import { labelBytes, pairOf, put, SHAPE, scanBytes } from '../helpers/layout-files.js';
import { fill, niftiBytes } from '../helpers/tiny-dataset.js';
import { zipBytes } from '../helpers/zip-bytes.js';

t.test('decathlon: pairs by dataset.json, channels as frames', async (t) => {
  const root = t.testdir();
  const source = path.join(root, 'Task01_Tiny');
  const frames = [1, 2].map((seed) => scanBytes(seed).subarray(352));
  const head = scanBytes(1).subarray(0, 352);
  head.writeInt16LE(4, 40);
  head.writeInt16LE(2, 48);
  const training = ['tiny_001', 'tiny_002', 'tiny_003'].map((id) => ({
    image: `./imagesTr/${id}.nii.gz`,
    label: `./labelsTr/${id}.nii.gz`,
  }));
  for (const { image, label } of training) {
    await put(path.join(source, image), Buffer.concat([head, ...frames]));
    await put(path.join(source, label), labelBytes());
  }
  const json = {
    name: 'tiny',
    modality: { 0: 'FLAIR', 1: 'T1w' },
    labels: { 0: 'background', 1: 'edema', 2: 'core' },
    training: [...training, { image: './imagesTr/._tiny_001.nii.gz', label: './labelsTr/._tiny_001.nii.gz' }],
    test: ['./imagesTs/tiny_004.nii.gz'],
  };
  await put(path.join(source, 'dataset.json'), JSON.stringify(json));
  const folder = await openDataset('decathlon', source);
  t.equal(folder.count, 3, 'without the shadow files of macOS');
  t.same([...folder.labels.values()], ['edema', 'core']);
  const out = path.join(root, 'store');
  const summary = await importDataset({ layout: 'decathlon', source, out, channel: 'T1w', axes: [2] });
  t.match(summary, { cases: 3, slices: 3, tasks: [{ label: 1, name: 'edema', axis: 2 }, { label: 2 }] });
  const store = await SliceStore.open(out);
  t.same([...new Set(store.slices.map((slice) => slice.modality))], ['T1w']);
  await store.close();
  await t.rejects(importDataset({ layout: 'decathlon', source, out: path.join(root, 'x'), channel: 'DWI' }), {
    code: 'ERR_DATASET',
    message: /2 image channels \(FLAIR, T1w\); --channel DWI does not exist/,
  });
  await put(
    path.join(source, 'dataset.json'),
    JSON.stringify({ ...json, modality: { 0: 'a', 1: 'b', 2: 'c' } }),
  );
  await t.rejects(importDataset({ layout: 'decathlon', source, out: path.join(root, 'x') }), {
    code: 'ERR_DATASET',
    message: /tiny_001\.nii\.gz has 2 frames; its dataset names 3 channels/,
  });
  const folders = ['p1', 'p2'].map((id) => ({ image: `${id}/scan.nii.gz`, label: `./${id}/seg.nii.gz` }));
  const list = (training: object[]): Promise<void> =>
    put(path.join(source, 'dataset.json'), JSON.stringify({ ...json, training }));
  await list(folders);
  t.match(
    [...(await openDataset('decathlon', source)).cases()],
    [
      { id: 'p1_seg', subject: 'p1_seg' },
      { id: 'p2_seg', subject: 'p2_seg' },
    ],
  );
  await list([...folders, folders[0]!]);
  await t.rejects(openDataset('decathlon', source), {
    code: 'ERR_DATASET',
    message: /Two cases have the id p1_seg: .*Keep one/,
  });
  await put(path.join(source, 'dataset.json'), JSON.stringify({ labels: json.labels }));
  await t.rejects(openDataset('decathlon', source), { code: 'ERR_DATASET', message: /no training cases/ });
});

t.test('bids: derivatives with a label table', async (t) => {
  const root = t.testdir();
  for (const subject of ['01', '02', '03']) {
    const scan = `sub-${subject}_ses-a`;
    await put(path.join(root, `sub-${subject}/ses-a/anat/${scan}_T1w.nii.gz`), scanBytes(Number(subject)));
    const mask = `derivatives/manual/sub-${subject}/ses-a/anat/${scan}_space-orig_dseg.nii.gz`;
    await put(path.join(root, mask), labelBytes());
  }
  await put(
    path.join(root, 'derivatives/manual/desc-all_dseg.tsv'),
    'index\tname\n0\tbackground\n1\tshell\n2\tcore\n',
  );
  const folder = await openDataset('bids', root);
  t.match([...folder.cases()][0], { id: 'sub-01_ses-a_space-orig', subject: 'sub-01', modality: ['T1w'] });
  t.same(
    [...folder.labels],
    [
      [1, 'shell'],
      [2, 'core'],
    ],
  );
  await put(path.join(root, 'sub-01/ses-a/anat/sub-01_ses-a_T2w.nii.gz'), scanBytes(9));
  await t.rejects(openDataset('bids', root), { code: 'ERR_DATASET', message: /T1w, T2w.*--suffix T1w/ });
  t.equal((await openDataset('bids', root, { suffixes: ['T2w'] })).count, 1);
  const plan = (suffix: string) => planImport({ layout: 'bids', source: root, suffixes: [suffix], limit: 0 });
  const [one, other] = [await plan('T1w'), await plan('T2w')];
  t.same(one.recorded.suffixes, ['T1w']);
  t.not(one.key, other.key, 'which images are read is part of what an import is resumed by');
  const again = 'derivatives/auto/sub-02/ses-a/anat/sub-02_ses-a_space-orig_dseg.nii.gz';
  await put(path.join(root, again), labelBytes());
  await t.rejects(openDataset('bids', root, { suffixes: ['T1w'] }), {
    code: 'ERR_DATASET',
    message: /id sub-02_ses-a_space-orig: .*auto.* and .*manual/,
  });
  await t.rejects(openDataset('bids', path.join(root, 'sub-01')), {
    code: 'ERR_DATASET',
    message: /does not look like BIDS/,
  });
});

t.test('csv: channels, subjects, sides, and mistakes by line', async (t) => {
  const root = t.testdir();
  for (const id of ['a', 'b', 'c', 'd']) {
    await put(path.join(root, `data/${id}.nii.gz`), scanBytes(id.charCodeAt(0)));
    await put(path.join(root, `data/${id}_mask.nii.gz`), labelBytes());
  }
  const list = path.join(root, 'list.csv');
  const write = (lines: string[]) => writeFile(list, `\ufeff${lines.join('\r\n')}\r\n`);
  await write([
    'image,label,subject,modality,split',
    '# a comment',
    'data/a.nii.gz,data/a_mask.nii.gz,one,MR,train',
    '"data/b.nii.gz;data/c.nii.gz",data/b_mask.nii.gz,two,T1;T2,test',
    'data/c.nii.gz,data/c_mask.nii.gz,three,MR,',
  ]);
  const folder = await openDataset('csv', list);
  const cases = [...folder.cases()];
  t.match(cases[0], { id: 'a', subject: 'one', split: 'train', modality: ['MR'] });
  t.match(cases[1], { id: 'b', split: 'test', modality: ['T1', 'T2'] });
  t.equal(cases[1]?.imagePaths.length, 2);
  const summary = await importDataset({
    layout: 'csv',
    source: list,
    out: path.join(root, 'store'),
    split: { rule: 'none', valEvery: 0 },
    labels: new Map([
      [1, 'wall'],
      [2, 'room'],
    ]),
  });
  t.match(summary, {
    dataset: 'list',
    splits: { train: { subjects: 2 }, test: { subjects: 1 } },
    labels: [{ name: 'wall' }, { name: 'room' }],
  });
  const wrong: [string[], RegExp][] = [
    [['image,mask', 'a,b'], /columns image, mask; image and label are needed/],
    [['image,label', 'data/a.nii.gz,'], /line 2: name an image and its label/],
    [['image,label', 'data/no.nii.gz,data/a_mask.nii.gz'], /line 2: .*no\.nii\.gz does not exist/],
    [['image,label,split', 'data/a.nii.gz,data/a_mask.nii.gz,dev'], /the split is "dev"/],
    [
      ['image,label', ...Array(2).fill('data/a.nii.gz,data/a_mask.nii.gz')],
      /line 3: the id a is there already/,
    ],
    [['image,label', 'data/a.nii.gz,data/a_mask.nii.gz,1'], /not valid CSV/],
    [['image,label'], /lists no cases/],
  ];
  for (const [lines, message] of wrong) {
    await write(lines);
    await t.rejects(openDataset('csv', list), { code: 'ERR_DATASET', message });
  }
  await t.rejects(openDataset('csv', root), {
    code: 'ERR_DATASET',
    message: /dataset\.csv.*columns image and label/,
  });
});

t.test('pairs: a DICOM series with a mask stored the other way round; names from the mask', async (t) => {
  const root = t.testdir();
  await writeDicomSeries(path.join(root, 'in/series'), { slices: 4, columns: 8, rows: 6 });
  // The same grid with its second axis mirrored, as NIfTI converters leave it.
  const shape = [8, 6, 4] as const;
  const voxels = Uint8Array.from(fill(shape, (i, j) => (i >= 2 && i < 6 && j < 2 ? 3 : 0)));
  const bytes = niftiBytes(voxels, shape, [0.7, 0.8, 2.5]);
  const affine = [-0.7, 0, 0, 10, 0, 0.8, 0, 16, 0, 0, 2.5, 30];
  affine.forEach((value, at) => {
    bytes.writeFloatLE(value, 280 + 4 * at);
  });
  const names = serialiseExtensions([labelTableExtension(new Map([[3, 'liver']]))]);
  bytes.writeFloatLE(352 + names.length, 108);
  bytes[348] = 1;
  await put(
    path.join(root, 'in/example_seg.nii.gz'),
    Buffer.concat([bytes.subarray(0, 352), names, bytes.subarray(352)]),
  );
  const out = path.join(root, 'store');
  const summary = await importDataset({
    layout: 'pairs',
    source: path.join(root, 'in'),
    out,
    axes: [2],
    minArea: 1,
    square: false,
    window: [-500, 0],
  });
  await put(path.join(root, 'in/example_mask.nii.gz'), bytes);
  await t.rejects(openDataset('pairs', path.join(root, 'in')), {
    code: 'ERR_DATASET',
    message: /example_mask\.nii\.gz and .*example_seg\.nii\.gz share the base name/,
  });
  await rm(path.join(root, 'in/example_mask.nii.gz'));
  t.match(summary.warnings, [/stored as LAS, its image as LPS; it was turned/]);
  t.match(summary.labels, [{ value: 3, name: 'liver' }]);
  const store = await SliceStore.open(out);
  const [entry] = store.slices;
  t.match(entry, { modality: 'CT', orientation: 'LPS', sourceOrientation: 'LPS', spacing: [0.8, 0.7] });
  const { mask } = await store.read(entry!);
  const rows = Array.from({ length: 6 }, (_, row) =>
    mask.slice(8 * row, 8 * row + 8).some((value) => value > 0),
  );
  t.same(rows, [false, false, false, false, true, true], 'the mask lies where it lay in space');
  await store.close();
  await rename(path.join(root, 'in/example_seg.nii.gz'), path.join(root, 'in/a_seg.nii.gz'));
  await put(path.join(root, 'in/b.nii.gz'), scanBytes(1));
  await t.rejects(openDataset('pairs', path.join(root, 'in')), {
    code: 'ERR_DATASET',
    message: /a_seg\.nii\.gz has no image/,
  });
  await rm(path.join(root, 'in/a_seg.nii.gz'));
  await t.rejects(openDataset('pairs', path.join(root, 'in')), { message: /does not look like pairs/ });
});

t.test('folders of volumes; RAS on demand', async (t) => {
  const root = t.testdir();
  for (const id of ['p1', 'p2']) {
    await put(path.join(root, `in/images/${id}.nii.gz`), scanBytes(1));
    await put(path.join(root, `in/masks/${id}.nii.gz`), labelBytes());
  }
  const options = { layout: 'folders', source: path.join(root, 'in'), axes: [2] as const, square: false };
  await importDataset({ ...options, out: path.join(root, 'ras'), orientation: 'RAS' });
  await importDataset({ ...options, out: path.join(root, 'pls'), orientation: 'psl', axes: [1] });
  const read = async (name: string) => {
    const store = await SliceStore.open(path.join(root, name));
    const slice = await store.read(store.slices[0]!);
    await store.close();
    return slice;
  };
  const ras = await read('ras');
  t.match(ras.entry, { orientation: 'RAS', sourceOrientation: 'RAS', width: SHAPE[0], height: SHAPE[1] });
  // P, S, L: across S lie the columns P (y mirrored) and the rows L (x mirrored).
  const turned = await read('pls');
  t.match(turned.entry, { orientation: 'PSL', width: SHAPE[1], height: SHAPE[0], index: ras.entry.index });
  const [width, height] = SHAPE;
  let same = true;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      same &&= ras.image[y * width + x] === turned.image[(width - 1 - x) * height + (height - 1 - y)];
  t.ok(same, 'the same voxels');
  await t.rejects(importDataset({ ...options, out: path.join(root, 'no'), orientation: 'RRS' }), {
    code: 'ERR_INVALID_ARG',
    message: /"RRS" is no orientation/,
  });
});

t.test('folders: names pair whatever their endings', async (t) => {
  const root = t.testdir({ images: {}, masks: {} });
  const pgm = Buffer.from('P5\n1 2\n255\n\x00\x01', 'latin1');
  await put(path.join(root, 'images/im0001.ppm.gz'), pgm);
  await put(path.join(root, 'masks/im0001.pgm'), pgm);
  const folder = await openDataset('folders', root);
  t.match([...folder.cases()], [{ id: 'im0001' }]);
  const { examples } = await readSupport(root);
  t.match(examples, [{ name: 'im0001', image: path.join(root, 'images/im0001.ppm.gz') }]);
});

t.test('folders: names tell the subject, and of pictures the place among its others', async (t) => {
  const pgm = 'P5\n1 2\n255\n\x00\x01';
  const names = ['a_03.pgm', 'p1_slice01.pgm', 'p1_slice10.pgm', 'p2_frame01.nii'];
  const root = t.testdir({ images: {}, masks: {} });
  for (const folder of ['images', 'masks'])
    for (const name of names)
      await put(
        path.join(root, folder, name),
        name.endsWith('.nii') ? labelBytes() : Buffer.from(pgm, 'latin1'),
      );
  t.same(
    (await readSupport(root)).examples.map(({ name, group, index }) => ({ name, group, index })),
    [
      { name: 'a_03', group: 'a_03', index: undefined },
      { name: 'p1_slice01', group: 'p1', index: 1 },
      { name: 'p1_slice10', group: 'p1', index: 10 },
      { name: 'p2_frame01', group: 'p2', index: undefined },
    ],
  );
});

t.test('folders: pairs of header and voxels are one file, what lies beside images is none', async (t) => {
  const root = t.testdir({ images: { 'scan.json': '{}' }, labels: { 'notes.txt': 'by hand' } });
  const { hdr, img } = pairOf(labelBytes());
  await put(path.join(root, 'images/scan.nii'), scanBytes(1));
  await put(path.join(root, 'labels/scan.hdr'), hdr);
  await put(path.join(root, 'labels/scan.img'), img);
  const pair = { image: path.join(root, 'images/scan.nii'), label: path.join(root, 'labels/scan.hdr') };
  t.match(
    [...(await openDataset('folders', root)).cases()],
    [{ id: 'scan', imagePaths: [pair.image], labelPath: pair.label }],
  );
  t.match(await readSupport(root), {
    examples: [{ name: 'scan', image: pair.image, mask: pair.label }],
    warnings: [],
  });
  const summary = await importDataset({ layout: 'folders', source: root, out: path.join(root, 'store') });
  t.match(summary, { cases: 1, labels: [{ value: 1 }, { value: 2 }] });
  await put(path.join(root, 'labels/lost.png'), 'version https://git-lfs.github.com/spec/v1\n');
  await t.rejects(
    readSupport(root),
    { message: /lost\.png has no image/ },
    'a broken mask is not passed over',
  );
});

t.test('arrays: HDF5 and npz with image and label, named by file or by folder', async (t) => {
  const root = t.testdir();
  const h5wasm = await import('h5wasm/node');
  await h5wasm.ready;
  const label = Uint8Array.from(fill([6, 5, 4], (i) => (i >= 3 ? 1 : 0)));
  for (const id of ['A', 'B', 'C']) {
    const folder = path.join(root, 'LA', id);
    await mkdir(folder, { recursive: true });
    const file = new h5wasm.File(path.join(folder, 'mri_norm2.h5'), 'w');
    const image = Float32Array.from(label, (value) => value + 0.5);
    file.create_dataset({ name: 'image', data: image, shape: [4, 5, 6] });
    file.create_dataset({ name: 'label', data: label, shape: [4, 5, 6] });
    file.close();
  }
  const folder = await openDataset('arrays', path.join(root, 'LA'));
  t.same(
    [...folder.cases()].map((one) => one.id),
    ['A', 'B', 'C'],
  );
  const out = path.join(root, 'store');
  const summary = await importDataset({ layout: 'arrays', source: path.join(root, 'LA'), out, minArea: 5 });
  t.match(summary, { cases: 3, slices: 9, labels: [{ value: 1, name: 'label 1' }] });
  await put(path.join(root, 'one/case_slice_1.npz'), zipBytes({ 'image.npy': npyBytes(label, [20, 6]) }));
  t.match([...(await openDataset('arrays', path.join(root, 'one'))).cases()][0], {
    id: 'case_slice_1',
    subject: 'case',
  });
  await writeFile(path.join(root, 'one/broken.h5'), 'no HDF5');
  await t.rejects(
    importDataset({ layout: 'arrays', source: path.join(root, 'one'), out: path.join(root, 'no') }),
    { code: 'ERR_DATASET', message: /broken\.h5/ },
  );
  await t.rejects(openDataset('arrays', path.join(root, 'store')), { message: /does not look like arrays/ });
});
