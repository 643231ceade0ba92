import path from 'node:path';
import type { IntensityRange } from '../../image/index.js';
import type { DatasetCase, DatasetFolder } from '../case.js';
import { datasetFolder } from '../layouts/dataset-folder.js';
import { findRoot, namesIn, notThisLayout } from '../layouts/files.js';
import type { LayoutOptions } from '../layouts/layout-options.js';

const BTCV = [
  'spleen',
  'right kidney',
  'left kidney',
  'gallbladder',
  'esophagus',
  'liver',
  'stomach',
  'aorta',
  'inferior vena cava',
  'portal and splenic veins',
  'pancreas',
  'right adrenal gland',
  'left adrenal gland',
];
const TRANSUNET = [
  'aorta',
  'gallbladder',
  'left kidney',
  'right kidney',
  'liver',
  'pancreas',
  'spleen',
  'stomach',
];
/** The Hounsfield window that TransUNet's preprocessing clips to. */
const WINDOW: IntensityRange = [-125, 275];

const table = (names: readonly string[]): Map<number, string> =>
  new Map(names.map((name, at) => [at + 1, name]));

/**
 * Synapse multi-organ CT in either of its two shapes: BTCV's download, `RawData/Training/{img/img0001.nii.gz,
 * label/label0001.nii.gz}` with 13 labels, or TransUNet's preprocessing, `train_npz/case0005_slice000.npz` and
 * `test_vol_h5/case0001.npy.h5` with 8 labels and its own sides. Throws ERR_DATASET where it is neither.
 */
export async function openSynapse(folder: string, _options: LayoutOptions = {}): Promise<DatasetFolder> {
  const root = path.resolve(folder);
  const arrays = await findRoot(root, ['Synapse', 'data/Synapse'], (names) =>
    names.some((name) => name === 'train_npz' || name === 'test_vol_h5'),
  );
  if (arrays !== null) return await openTransUnet(root, arrays);
  const raw = await findRoot(
    root,
    ['Training', 'RawData/Training', 'Abdomen/RawData/Training'],
    (names) => names.includes('img') && names.includes('label'),
  );
  if (raw === null)
    throw notThisLayout(
      root,
      'Synapse',
      'RawData/Training/img and label (BTCV), or train_npz and test_vol_h5 (TransUNet)',
    );
  const images = await namesIn(path.join(raw, 'img'));
  const cases = (await namesIn(path.join(raw, 'label'))).flatMap((name): DatasetCase[] => {
    const number = /^label(\d+)\.nii(\.gz)?$/i.exec(name)?.[1];
    const image = images.find((other) => new RegExp(`^img${number}\\.nii(\\.gz)?$`, 'i').test(other));
    if (number === undefined || image === undefined) return [];
    return [
      {
        id: `case${number}`,
        subject: `case${number}`,
        imagePaths: [path.join(raw, 'img', image)],
        labelPath: path.join(raw, 'label', name),
        modality: ['CT'],
        window: WINDOW,
      },
    ];
  });
  if (cases.length === 0) throw notThisLayout(raw, 'BTCV', 'img/img0001.nii.gz and label/label0001.nii.gz');
  return datasetFolder({ layout: 'synapse', path: root, labels: table(BTCV), cases });
}

async function openTransUnet(root: string, folder: string): Promise<DatasetFolder> {
  const cases: DatasetCase[] = [];
  for (const [part, split] of [
    ['train_npz', 'train'],
    ['test_vol_h5', 'test'],
  ] as const) {
    for (const name of await namesIn(path.join(folder, part))) {
      const match = /^((case\d+)(?:_slice\d+)?)\.(npz|npy\.h5|h5)$/i.exec(name);
      if (match === null) continue;
      const file = path.join(folder, part, name);
      cases.push({
        id: match[1]!,
        subject: match[2]!,
        imagePaths: [file],
        labelPath: file,
        arrays: { image: 'image', label: 'label' },
        modality: ['CT'],
        // Clipped to WINDOW and scaled already.
        window: [0, 1],
        split,
      });
    }
  }
  if (cases.length === 0)
    throw notThisLayout(folder, 'Synapse by TransUNet', 'train_npz/case0005_slice000.npz');
  return datasetFolder({ layout: 'synapse', path: root, labels: table(TRANSUNET), cases });
}
