import path from 'node:path';
import { GmisegError } from '../../errors.js';
import type { DatasetCase, DatasetFolder } from '../case.js';
import { datasetFolder } from '../layouts/dataset-folder.js';
import { filesBelow, notThisLayout } from '../layouts/files.js';
import type { LayoutOptions } from '../layouts/layout-options.js';

/**
 * STARE as it is downloaded and unpacked, in any folders: `im0001.ppm.gz` with `im0001.ah.ppm.gz` and
 * `im0001.vk.ppm.gz`, the vessels as two people drew them; `annotator` chooses (`ah`, the default). Throws
 * ERR_DATASET that names what is missing.
 */
export async function openStare(folder: string, options: LayoutOptions = {}): Promise<DatasetFolder> {
  const root = path.resolve(folder);
  const annotator = options.annotator ?? 'ah';
  if (annotator !== 'ah' && annotator !== 'vk')
    throw new GmisegError('ERR_INVALID_ARG', `--annotator ${annotator}: STARE has ah and vk.`);
  const images = new Map<string, string>();
  const masks = new Map<string, string>();
  for (const file of await filesBelow(root)) {
    const match = /^(im\d+)(?:\.(ah|vk))?\.(ppm|pgm|png|gif|tiff?)(\.gz)?$/i.exec(path.basename(file));
    if (match === null) continue;
    const [, id, who] = match as unknown as [string, string, string | undefined];
    if (who === undefined) images.set(id, path.join(root, file));
    else if (who.toLowerCase() === annotator) masks.set(id, path.join(root, file));
  }
  const cases = [...masks].map(([id, labelPath]): DatasetCase => {
    const image = images.get(id);
    if (image === undefined)
      throw new GmisegError('ERR_DATASET', `${labelPath} has no image: expected ${id}.ppm or ${id}.ppm.gz.`, {
        details: { path: labelPath },
      });
    return { id, subject: id, imagePaths: [image], labelPath, modality: ['RGB'] };
  });
  if (cases.length === 0) throw notThisLayout(root, 'STARE', `im0001.ppm.gz and im0001.${annotator}.ppm.gz`);
  return datasetFolder({
    layout: 'stare',
    path: root,
    labels: new Map([[1, 'vessel']]),
    maskValues: new Map([[255, 1]]),
    cases,
  });
}
