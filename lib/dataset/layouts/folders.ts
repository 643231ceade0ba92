import path from 'node:path';
import { GmisegError } from '../../errors.js';
import { isVolumePath, readMask } from '../../image/index.js';
import type { DatasetCase, DatasetFolder } from '../case.js';
import { datasetFolder, pairCase } from './dataset-folder.js';
import { imagesByName, namesIn } from './files.js';
import type { LayoutOptions } from './layout-options.js';

const MASK_FOLDERS = ['masks', 'labels'];
/** More distinct greys than this in the masks are no labels. */
const MOST_GREYS = 64;
/** A grey with fewer pixels than this share of the commonest one is a stray. */
const STRAY_SHARE = 1e-3;

/**
 * Plain folders: `images/NAME.png` and `masks/NAME.png` (or `labels/`), paired by
 * name without the ending. Mask greys of pictures become label values 1, 2, ...
 * in rising order, black is background; volumes hold label values as they are. Throws ERR_DATASET that names
 * the folder or file.
 */
export async function openFolders(folder: string, options: LayoutOptions = {}): Promise<DatasetFolder> {
  const root = path.resolve(folder);
  const names = await namesIn(root);
  const maskFolder = MASK_FOLDERS.find((name) => names.includes(name));
  if (!names.includes('images') || maskFolder === undefined) {
    throw new GmisegError(
      'ERR_DATASET',
      `${root} must hold the folders images/ and masks/ (or labels/); for an nnU-Net raw folder use --layout nnunet.`,
    );
  }
  const images = await imagesByName(path.join(root, 'images'));
  const masks = await imagesByName(path.join(root, maskFolder));
  const cases: DatasetCase[] = [];
  for (const [id, labelPath] of masks) {
    const imagePath = images.get(id);
    if (imagePath === undefined) {
      throw new GmisegError(
        'ERR_DATASET',
        `${labelPath} has no image: expected ${path.join(root, 'images', id)}.*`,
      );
    }
    cases.push(pairCase(id, imagePath, labelPath, options));
  }
  if (cases.length === 0) throw new GmisegError('ERR_DATASET', `No pairs of image and mask in ${root}.`);
  return await pairsFolder('folders', root, cases, options);
}

/** A dataset of pairs whose masks alone say what they hold: pictures by their greys, volumes by label values. */
export async function pairsFolder(
  layout: string,
  root: string,
  cases: readonly DatasetCase[],
  options: LayoutOptions,
): Promise<DatasetFolder> {
  const [first] = cases;
  if (first !== undefined && (await isVolumePath(first.labelPath)))
    return datasetFolder({ layout, path: root, labels: options.labels ?? new Map(), cases });
  const greys = options.labels ?? (await findGreys(cases));
  const sorted = [...greys].sort(([a], [b]) => a - b);
  return datasetFolder({
    layout,
    path: root,
    labels: new Map(sorted.map(([, name], at) => [at + 1, name])),
    maskValues: new Map(sorted.map(([grey], at) => [grey, at + 1])),
    snapMasks: options.labels !== undefined,
    cases,
  });
}

/**
 * The greys that occur in the masks, named `foreground` or `grey 128`. Refuses
 * masks whose greys look like the traces of compression or smoothing: too many,
 * or some that hardly any pixel has.
 */
async function findGreys(cases: readonly DatasetCase[]): Promise<Map<number, string>> {
  const counts = new Map<number, number>();
  for (const { labelPath } of cases) {
    for (const grey of (await readMask(labelPath)).data) counts.set(grey, (counts.get(grey) ?? 0) + 1);
  }
  counts.delete(0);
  if (counts.size === 0) {
    throw new GmisegError('ERR_DATASET', 'All masks are empty (black); nothing to learn from.');
  }
  const largest = Math.max(...counts.values());
  const greys = [...counts.keys()].sort((a, b) => a - b);
  const real = greys.filter((grey) => (counts.get(grey) as number) >= STRAY_SHARE * largest);
  if (greys.length > real.length || greys.length > MOST_GREYS) {
    const few = real.slice(0, MOST_GREYS).map((grey) => `${grey}=NAME`);
    throw new GmisegError(
      'ERR_DATASET',
      `The masks hold ${greys.length} greys, some of them only here and there: ${greys.slice(0, 8).join(', ')}${greys.length > 8 ? ', ...' : ''}. Name those that mean something, and the others are snapped to the nearest: --labels ${few.join(',')}`,
      { details: { greys: Object.fromEntries(counts) } },
    );
  }
  if (greys.length === 1) return new Map(greys.map((grey) => [grey, 'foreground']));
  return new Map(greys.map((grey) => [grey, `grey ${grey}`]));
}
