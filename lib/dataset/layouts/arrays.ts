import path from 'node:path';
import { withoutEnding } from '../../image/index.js';
import type { DatasetCase, DatasetFolder } from '../case.js';
import { datasetFolder, pairCase } from './dataset-folder.js';
import { filesBelow, notThisLayout } from './files.js';
import type { LayoutOptions } from './layout-options.js';

/**
 * Files below a folder that each hold an image and its labels as the arrays `image` and `label`: `.npz` or HDF5
 * (`.h5`, `.hdf5`), slices first, as preprocessed copies of ACDC, LA 2018 and others are passed on. The case is
 * named by the file or, where all files have one name (`ID/mri_norm2.h5`), by its folder. Throws ERR_DATASET
 * where there is no such file.
 */
export async function openArrays(folder: string, options: LayoutOptions = {}): Promise<DatasetFolder> {
  const root = path.resolve(folder);
  const files = (await filesBelow(root)).filter((file) => /\.(npz|h5|hdf5)$/i.test(file));
  if (files.length === 0)
    throw notThisLayout(root, 'arrays', 'files .npz or .h5 with the arrays image and label');
  const names = new Set(files.map((file) => path.basename(file)));
  const byFolder = names.size === 1 && files.length > 1;
  const cases = files.map((file): DatasetCase => {
    const stem = byFolder ? path.dirname(file) : withoutEnding(file);
    const id = stem.split(path.sep).join('_');
    const full = path.join(root, file);
    return { ...pairCase(id, full, full, options), arrays: { image: 'image', label: 'label' } };
  });
  return datasetFolder({ layout: 'arrays', path: root, labels: options.labels ?? new Map(), cases });
}
