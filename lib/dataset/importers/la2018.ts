import path from 'node:path';
import type { DatasetCase, DatasetFolder } from '../case.js';
import { datasetFolder } from '../layouts/dataset-folder.js';
import { exists, namesIn, notThisLayout } from '../layouts/files.js';
import type { LayoutOptions } from '../layouts/layout-options.js';
import type { SplitName } from '../split.js';

const FOLDERS: readonly [name: string, split: SplitName | undefined][] = [
  ['', undefined],
  ['Training Set', 'train'],
  ['Testing Set', 'test'],
];

/**
 * The 2018 atrial segmentation challenge as it is downloaded: `Training Set/ID/{lgemri.nrrd, laendo.nrrd}` and
 * `Testing Set/`. Masks hold 255. Scans without a mask are passed over. With both folders the challenge's own
 * sides hold. Throws ERR_DATASET where there is no scan with a mask.
 */
export async function openLa2018(folder: string, _options: LayoutOptions = {}): Promise<DatasetFolder> {
  const root = path.resolve(folder);
  const cases: DatasetCase[] = [];
  for (const [name, split] of FOLDERS) {
    const part = path.join(root, name);
    for (const id of await namesIn(part)) {
      const image = path.join(part, id, 'lgemri.nrrd');
      const label = path.join(part, id, 'laendo.nrrd');
      if (!(await exists(image)) || !(await exists(label))) continue;
      cases.push({
        id,
        subject: id,
        imagePaths: [image],
        labelPath: label,
        modality: ['LGE-MRI'],
        ...(split === undefined ? {} : { split }),
      });
    }
  }
  if (cases.length === 0)
    throw notThisLayout(root, 'LA 2018', 'Training Set/ID/lgemri.nrrd with laendo.nrrd');
  // A training folder alone is split by the rule.
  const sides = new Set(cases.map((one) => one.split));
  return datasetFolder({
    layout: 'la2018',
    path: root,
    labels: new Map([[1, 'left atrium']]),
    maskValues: new Map([
      [1, 1],
      [255, 1],
    ]),
    cases: sides.size > 1 ? cases : cases.map(({ split: _, ...one }) => one),
  });
}
