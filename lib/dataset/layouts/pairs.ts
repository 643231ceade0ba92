import { stat } from 'node:fs/promises';
import path from 'node:path';
import { GmisegError } from '../../errors.js';
import { isVolumePath, withoutEnding } from '../../image/index.js';
import type { DatasetCase, DatasetFolder } from '../case.js';
import { pairCase } from './dataset-folder.js';
import { addByName, IMAGE_ENDING, namesIn, notThisLayout } from './files.js';
import { pairsFolder } from './folders.js';
import type { LayoutOptions } from './layout-options.js';

/** Words, between separators, that mark a label file. */
const MARK = /(^|[_\-.])(seg|segmentation|mask|label|labels|labelmap|gt|truth|dseg|msk)(?=[_\-.]|$)/i;
/** What file names carry beside the case's name: channel numbers and resolution marks. */
const DECORATION = /(_0000|_sm|_image|_img)$/i;

/**
 * Images and label files side by side in one folder, told apart by a word in the label's name: `scan.nii.gz` and
 * `scan_seg.nii.gz` (also mask, label, gt, ...). A folder of DICOM files is an image. Where there is exactly one
 * image and one label, names need not match. Throws ERR_DATASET that names what has no partner, or
 * two that name one case.
 */
export async function openPairs(folder: string, options: LayoutOptions = {}): Promise<DatasetFolder> {
  const root = path.resolve(folder);
  const images = new Map<string, string>();
  const labels = new Map<string, string>();
  for (const name of await namesIn(root)) {
    const file = path.join(root, name);
    const isFolder = (await stat(file)).isDirectory();
    if (isFolder ? !(await isVolumePath(file).catch(() => false)) : !IMAGE_ENDING.test(name)) continue;
    const stem = withoutEnding(name);
    const label = MARK.test(stem) && !isFolder;
    const id =
      stem
        .replace(MARK, '')
        .replace(DECORATION, '')
        .replace(/^[_\-.]+/, '') || stem;
    addByName(label ? labels : images, id, file);
  }
  if (images.size === 0 || labels.size === 0)
    throw notThisLayout(root, 'pairs', 'images and label files named like NAME.nii.gz and NAME_seg.nii.gz');
  const cases: DatasetCase[] = [];
  const alone = images.size === 1 && labels.size === 1;
  for (const [id, labelPath] of labels) {
    const imagePath = images.get(id) ?? (alone ? [...images.values()][0] : undefined);
    if (imagePath === undefined)
      throw new GmisegError(
        'ERR_DATASET',
        `${labelPath} has no image: there is no file named ${id} beside it. Rename one of them, or list the pairs in a CSV file (--layout csv).`,
        { details: { path: labelPath } },
      );
    cases.push(pairCase(id, imagePath, labelPath, options));
  }
  return await pairsFolder('pairs', root, cases, options);
}
