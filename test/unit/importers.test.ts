import { cp, mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { type ImportOptions, importDataset } from '../../lib/dataset/import-dataset.js';
import { openDataset } from '../../lib/dataset/layouts/index.js';
import { SliceStore } from '../../lib/dataset/slice-store.js';
import { npyBytes } from '../helpers/array-files.js';
import { labelBytes, nrrdBytes, pnmBytes, put, SHAPE, scanBytes } from '../helpers/layout-files.js';
import { boxLabels, fill, niftiBytes } from '../helpers/tiny-dataset.js';
import { zipBytes } from '../helpers/zip-bytes.js';

/** Imports into a store and reads back its entries and its first slice. */
async function imported(root: string, options: Omit<ImportOptions, 'out'>) {
  const summary = await importDataset({ ...options, out: path.join(root, 'store'), overwrite: true });
  const store = await SliceStore.open(summary.store);
  const first = await store.read(store.slices[0]!);
  await store.close();
  return { summary, entries: store.slices, first };
}

t.test('acdc: patients with Info.cfg, both phases, the 4-D file passed over', async (t) => {
  const root = t.testdir();
  const patient = async (part: string, number: number): Promise<void> => {
    const name = `patient${String(number).padStart(3, '0')}`;
    const folder = path.join(root, 'database', part, name);
    await put(
      path.join(folder, 'Info.cfg'),
      'ED: 1\nES: 12\nGroup: DCM\nHeight: 184.0\nNbFrame: 30\nWeight: 95.0\n',
    );
    await put(path.join(folder, `${name}_4d.nii.gz`), 'passed over');
    for (const frame of ['01', '12']) {
      await put(path.join(folder, `${name}_frame${frame}.nii.gz`), scanBytes(number));
      await put(path.join(folder, `${name}_frame${frame}_gt.nii.gz`), labelBytes([2, 3]));
    }
  };
  for (const number of [1, 2, 3]) await patient('training', number);
  const folder = await openDataset('acdc', root);
  t.equal(folder.count, 6);
  const cases = [...folder.cases()];
  t.match(cases[1], {
    id: 'patient001_frame12',
    subject: 'patient001',
    modality: ['cine-MRI'],
    notes: { phase: 'ES', group: 'DCM' },
    split: undefined,
  });
  const { summary } = await imported(root, { layout: 'acdc', source: root, axes: [2] });
  t.match(summary, {
    cases: 6,
    slices: 6,
    splits: { test: { subjects: 1 } },
    labels: [{ name: 'myocardium' }, { name: 'left ventricle cavity' }],
  });
  await patient('testing', 101);
  const both = await imported(root, { layout: 'acdc', source: path.join(root, 'database'), axes: [2] });
  t.same(
    both.entries.filter((entry) => entry.split === 'test').map((entry) => entry.subject),
    ['patient101', 'patient101'],
    "the challenge's own sides",
  );
  // Re-uploads hold directories named like the files in them.
  const image = path.join(root, 'database/training/patient001/patient001_frame01.nii.gz');
  await rename(image, `${image}.moved`);
  await mkdir(image);
  await rename(`${image}.moved`, path.join(image, 'patient001_frame01.nii.gz'));
  t.equal((await imported(root, { layout: 'acdc', source: root, axes: [2] })).summary.cases, 8);
  await rename(image, path.join(root, 'gone'));
  await t.rejects(openDataset('acdc', root), { code: 'ERR_DATASET', message: /frame01_gt.*has no image/ });
  await t.rejects(openDataset('acdc', path.join(root, 'gone')), { message: /does not look like ACDC/ });
});

t.test('la2018: lgemri.nrrd and laendo.nrrd of 0 and 255', async (t) => {
  const root = t.testdir();
  const labels = boxLabels(SHAPE).map((label) => (label === 2 ? 255 : 0));
  const image = boxLabels(SHAPE).map((label, at) => 20 + 80 * label + (at % 7));
  for (const id of ['0RZDK210BSMWAA6467LU', '1D7CUD1955YZPGK8XHJX', '2XL5HSFSE93RMOJDRGR4']) {
    const folder = path.join(root, 'Training Set', id);
    await put(path.join(folder, 'lgemri.nrrd'), nrrdBytes(image, SHAPE));
    await put(path.join(folder, 'laendo.nrrd'), nrrdBytes(labels, SHAPE));
    await put(path.join(folder, 'lawall.nrrd'), nrrdBytes(labels, SHAPE));
  }
  await put(path.join(root, 'Testing Set/4498GYFEFIPN8AKB9KB4/lgemri.nrrd'), nrrdBytes(image, SHAPE));
  const { summary, first } = await imported(root, { layout: 'la2018', source: root });
  t.match(summary, { cases: 3, slices: 9, labels: [{ value: 1, name: 'left atrium', slices: 9 }] });
  t.match(first.entry, { modality: 'LGE-MRI', spacing: [0.625, 0.625], orientation: 'LPS' });
  t.same([...new Set(first.mask)].sort(), [0, 1]);
  t.same(summary.splits.test.subjects, 1, 'a training folder alone is split by the rule');
  await t.rejects(openDataset('la2018', path.join(root, 'Testing Set')), {
    message: /does not look like LA 2018/,
  });
});

t.test('synapse: BTCV as downloaded', async (t) => {
  const root = t.testdir();
  const raw = path.join(root, 'Abdomen/RawData/Training');
  for (const number of ['0001', '0002', '0021']) {
    await put(path.join(raw, `img/img${number}.nii.gz`), scanBytes(Number(number), [0.8, 0.8, 3]));
    await put(path.join(raw, `label/label${number}.nii.gz`), labelBytes([6, 13], [0.8, 0.8, 3]));
  }
  const { summary, entries } = await imported(root, { layout: 'synapse', source: root });
  t.match(summary, {
    cases: 3,
    labels: [
      { value: 6, name: 'liver' },
      { value: 13, name: 'left adrenal gland' },
    ],
  });
  t.match(entries[0], { modality: 'CT', case: 'case0001' });
  t.match([...(await openDataset('synapse', root)).cases()][0], { window: [-125, 275] });
  await t.rejects(openDataset('synapse', path.join(root, 'Abdomen/RawData/Training/img')), {
    code: 'ERR_DATASET',
    message: /does not look like Synapse/,
  });
});

t.test("synapse: TransUNet's npz and h5, with its own sides", async (t) => {
  const root = t.testdir();
  const [width, height, slices] = [16, 12, 3];
  const area = width * height;
  const label = Uint8Array.from({ length: area }, (_, at) => (at % width > 3 && at >= 2 * width ? 5 : 0));
  const image = Float32Array.from(label, (value, at) => (value > 0 ? 0.75 : 0.25) + (at % 5) / 100);
  for (const slice of ['000', '001']) {
    const file = path.join(root, `Synapse/train_npz/case0005_slice${slice}.npz`);
    const arrays = {
      'image.npy': npyBytes(image, [height, width]),
      'label.npy': npyBytes(Float32Array.from(label), [height, width]),
    };
    await put(file, zipBytes(arrays));
  }
  const h5wasm = await import('h5wasm/node');
  await h5wasm.ready;
  await mkdir(path.join(root, 'Synapse/test_vol_h5'));
  const file = new h5wasm.File(path.join(root, 'Synapse/test_vol_h5/case0001.npy.h5'), 'w');
  const stack = <T extends Float32Array | Uint8Array>(data: T): T => {
    const out = new (data.constructor as new (length: number) => T)(area * slices);
    for (let k = 0; k < slices; k++) out.set(data, k * area);
    return out;
  };
  const shape = [slices, height, width];
  file.create_dataset({ name: 'image', data: stack(image), shape });
  file.create_dataset({ name: 'label', data: stack(label), shape });
  file.close();
  const { summary, entries, first } = await imported(root, {
    layout: 'synapse',
    source: root,
    axes: [2],
    policy: 'all',
  });
  t.match(summary, { cases: 3, labels: [{ value: 5, name: 'liver', slices: 5 }] });
  t.same(
    entries.map((entry) => [entry.case, entry.split, entry.index]),
    [
      ['case0001', 'test', 0],
      ['case0001', 'test', 1],
      ['case0001', 'test', 2],
      ['case0005_slice000', 'train', 0],
      ['case0005_slice001', 'train', 0],
    ],
  );
  t.match(first.entry, { width, height, spacing: null, modality: 'CT' });
  t.equal(first.image[0], Math.round(0.25 * 255), 'a window of 0 to 1');
  await put(
    path.join(root, 'Synapse/train_npz/case0006_slice000.npz'),
    zipBytes({ 'image.npy': npyBytes(image, [height, width]) }),
  );
  await t.rejects(imported(root, { layout: 'synapse', source: root, axes: [2] }), {
    code: 'ERR_DATASET',
    message: /case0006_slice000\.npz has no array "label", only image/,
  });
});

t.test('stare: gzipped PPM, two annotators', async (t) => {
  const root = t.testdir();
  const [width, height] = [30, 20];
  const picture = Uint8Array.from({ length: 3 * width * height }, (_, at) => (at * 7) % 256);
  const vessels = (x0: number): Uint8Array =>
    Uint8Array.from({ length: width * height }, (_, at) =>
      at % width >= x0 && at % width < x0 + 4 ? 255 : 0,
    );
  for (const id of ['im0001', 'im0002', 'im0003']) {
    await put(
      path.join(root, `stare-images/${id}.ppm.gz`),
      pnmBytes({ data: picture, width, height, channels: 3 }),
    );
    await put(path.join(root, `labels-ah/${id}.ah.ppm.gz`), pnmBytes({ data: vessels(4), width, height }));
    await put(path.join(root, `labels-vk/${id}.vk.ppm.gz`), pnmBytes({ data: vessels(12), width, height }));
  }
  for (const [annotator, column] of [
    [undefined, 4],
    ['vk', 12],
  ] as const) {
    const { summary, first } = await imported(root, {
      layout: 'stare',
      source: root,
      ...(annotator === undefined ? {} : { annotator }),
    });
    t.match(summary, { cases: 3, slices: 3, labels: [{ value: 1, name: 'vessel' }] });
    t.match(first.entry, { modality: 'RGB', channels: 3, spacing: null });
    t.same([...first.image], [...picture]);
    t.equal(first.mask.indexOf(1), column);
  }
  await t.rejects(openDataset('stare', root, { annotator: 'me' }), {
    code: 'ERR_INVALID_ARG',
    message: /ah and vk/,
  });
  await t.rejects(openDataset('stare', path.join(root, 'stare-images')), {
    message: /does not look like STARE/,
  });
});

t.test('isles2022: DWI, ADC and FLAIR; both releases', async (t) => {
  const root = t.testdir();
  const place = async (base: string, flair: string): Promise<void> => {
    for (const number of ['0001', '0002', '0003']) {
      const scan = `sub-strokecase${number}_ses-0001`;
      const folder = path.join(base, `sub-strokecase${number}/ses-0001`);
      await put(path.join(folder, `dwi/${scan}_dwi.nii.gz`), scanBytes(1, [2, 2, 2]));
      await put(path.join(folder, `dwi/${scan}_dwi.json`), '{}');
      await put(path.join(folder, `dwi/${scan}_adc.nii.gz`), scanBytes(2, [2, 2, 2]));
      // On its own grid: half as many voxels of twice the size, first voxel's corner in the same place.
      const shape = [10, 12, 4] as const;
      const ramp = Int16Array.from(fill(shape, (i) => 100 + 40 * i));
      await put(
        path.join(folder, `anat/${scan}_${flair}.nii.gz`),
        niftiBytes(ramp, shape, [4, 4, 4], [1, 1, 1]),
      );
      const mask = `derivatives/sub-strokecase${number}/ses-0001/${scan}_msk.nii.gz`;
      await put(path.join(root, mask), labelBytes([1, 1], [2, 2, 2]));
    }
  };
  await place(root, 'FLAIR');
  const options = { layout: 'isles2022', source: root, axes: [0, 2] as const };
  const { summary, entries } = await imported(root, { ...options, channel: 'all' });
  t.match(summary, { cases: 3, slices: 3 * 2 * 3, labels: [{ name: 'stroke lesion' }] });
  t.same([...new Set(entries.map((entry) => entry.modality))], ['DWI', 'ADC', 'FLAIR']);
  t.match(summary.warnings, [/FLAIR was resampled to the grid of the mask/]);
  const flair = await imported(root, { ...options, axes: [2], channel: 'FLAIR', window: [100, 460] });
  const row = [...flair.first.image.subarray(0, SHAPE[0])];
  // Voxel i lies at 2 i mm, which is (2 i - 1) / 4 in the FLAIR's voxels: linear, constant beyond the last centres.
  const want = row.map((_, i) => Math.round((40 * Math.min(9, Math.max(0, (2 * i - 1) / 4)) * 255) / 360));
  t.same(row, want);
  const older = path.join(root, 'older');
  await cp(path.join(root, 'derivatives'), path.join(older, 'derivatives'), { recursive: true });
  await place(path.join(older, 'rawdata'), 'flair');
  t.match([...(await openDataset('isles2022', older)).cases()][0], {
    subject: 'sub-strokecase0001',
    modality: ['DWI', 'ADC', 'FLAIR'],
    resample: [2],
  });
  await t.rejects(openDataset('isles2022', path.join(root, 'derivatives')), {
    message: /does not look like ISLES 2022/,
  });
});
