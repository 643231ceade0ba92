import path from 'node:path';
import { GmisegError } from '../../errors.js';
import { baseName, withoutEnding } from '../../image/index.js';
import { type DatasetCase, type DatasetFolder, subjectOf } from '../case.js';
import { datasetFolder } from './dataset-folder.js';
import { readJsonObject } from './files.js';
import { readLabels } from './label-table.js';
import type { LayoutOptions } from './layout-options.js';

const HINT =
  'A Medical Segmentation Decathlon folder holds dataset.json with "training": [{ "image", "label" }].';

/**
 * A Medical Segmentation Decathlon folder (or a MONAI datalist): `dataset.json` lists pairs of image and label;
 * channels are the frames of a 4-D image. A case is named by its label file or, where two of those have one name
 * (`p1/seg.nii.gz`, `p2/seg.nii.gz`), by its path. Throws ERR_DATASET that names the file and what is wrong with it.
 */
export async function openDecathlon(folder: string, options: LayoutOptions = {}): Promise<DatasetFolder> {
  const root = path.resolve(folder);
  const jsonPath = path.join(root, 'dataset.json');
  const json = await readJsonObject(jsonPath, HINT);
  const { labels, regions, ignoreLabel } = readLabels(json, jsonPath);
  const modality = Object.entries((json.modality ?? json.channel_names ?? {}) as Record<string, unknown>)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, name]) => String(name));
  if (!Array.isArray(json.training) || json.training.length === 0)
    throw new GmisegError('ERR_DATASET', `${jsonPath} lists no training cases. ${HINT}`, {
      details: { path: jsonPath },
    });
  const pairs = json.training.flatMap((entry: unknown, at) => {
    const { image, label } = (entry ?? {}) as { image?: unknown; label?: unknown };
    const images = Array.isArray(image) ? image : [image];
    if (!images.every((file) => typeof file === 'string') || typeof label !== 'string')
      throw new GmisegError(
        'ERR_DATASET',
        `Entry ${at} of "training" in ${jsonPath} must hold { "image": FILE, "label": FILE }.`,
      );
    // The archives hold macOS's shadows of the files, and some lists name them.
    if (path.basename(label).startsWith('._')) return [];
    return [
      {
        imagePaths: images.map((file) => path.resolve(root, file as string)),
        labelPath: path.resolve(root, label),
        modality: modality.length > 0 ? modality : images.map(() => ''),
      },
    ];
  });
  const byName = new Set(pairs.map(({ labelPath }) => baseName(labelPath))).size === pairs.length;
  const cases = pairs.map((pair): DatasetCase => {
    const id = byName ? baseName(pair.labelPath) : idOfPath(path.relative(root, pair.labelPath));
    return { id, subject: subjectOf(id, options.subject), ...pair };
  });
  return datasetFolder({ layout: 'decathlon', path: root, labels, regions, ignoreLabel, cases });
}

function idOfPath(file: string): string {
  const parts = withoutEnding(file).split(path.sep);
  return parts.filter((part) => part !== '..').join('_');
}
