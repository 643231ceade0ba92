import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { subjectOf } from '../dataset/case.js';
import { imagesByName } from '../dataset/layouts/files.js';
import { openNnunet } from '../dataset/layouts/nnunet.js';
import { GmisegError } from '../errors.js';
import { isVolumePath } from '../image/index.js';
import type { TaskExample } from '../task/example.js';

/** The examples in a folder. */
export interface SupportFolder {
  readonly examples: readonly TaskExample[];
  /** Names of label values; null where the folder names none. */
  readonly labels: ReadonlyMap<number, string> | null;
  /** What a user should know. */
  readonly warnings: readonly string[];
}

const MASK_FOLDERS = ['masks', 'labels'];

/**
 * Finds the examples of `--support DIR`: `images/` and `masks/` (or `labels/`) with the same base names, pictures or
 * volumes, mask values as they are; or an nnU-Net raw folder, of which the first channel is used. Cases of one subject
 * are one group; see subjectOf.
 * @throws GmisegError ERR_DATASET that says what is missing
 */
export async function readSupport(folder: string): Promise<SupportFolder> {
  if ((await stat(folder).catch(() => null))?.isDirectory() !== true) {
    throw new GmisegError(
      'ERR_DATASET',
      `--support ${folder} is no folder; it holds images/ and masks/ with the same base names, or is an nnU-Net raw folder.`,
      { details: { path: folder } },
    );
  }
  const names = await readdir(folder);
  if (names.includes('imagesTr') && names.includes('labelsTr')) return await nnunet(folder);
  const masks = MASK_FOLDERS.find((name) => names.includes(name));
  if (!names.includes('images') || masks === undefined) {
    throw new GmisegError(
      'ERR_DATASET',
      `--support ${folder} must hold images/ and masks/ (or labels/) with the same base names, or imagesTr/, labelsTr/ and dataset.json.`,
      { details: { path: folder, found: names } },
    );
  }
  return await pairs(path.join(folder, 'images'), path.join(folder, masks));
}

async function nnunet(folder: string): Promise<SupportFolder> {
  const dataset = await openNnunet(folder);
  const cases = [...dataset.cases()];
  const several = cases.some(({ imagePaths }) => imagePaths.length > 1);
  return {
    examples: await Promise.all(
      cases.map(({ id, subject, imagePaths, labelPath }) =>
        placed({ image: imagePaths[0] as string, mask: labelPath, name: id, group: subject }),
      ),
    ),
    labels: new Map([...dataset.labels].filter(([value]) => value !== dataset.ignoreLabel)),
    warnings: several ? [`${folder} has several channels; the first one (_0000) is used.`] : [],
  };
}

async function pairs(imageFolder: string, maskFolder: string): Promise<SupportFolder> {
  const images = await imagesByName(imageFolder);
  const masks = await imagesByName(maskFolder);
  if (masks.size === 0) {
    throw new GmisegError('ERR_DATASET', `${maskFolder} is empty; it holds one mask for each example.`);
  }
  const examples = [...masks].map(([name, mask]) => {
    const image = images.get(name) ?? images.get(`${name}_0000`);
    if (image === undefined) {
      throw new GmisegError(
        'ERR_DATASET',
        `${mask} has no image: expected ${path.join(imageFolder, name)}.* beside it.`,
        { details: { mask } },
      );
    }
    return { image, mask, name, group: subjectOf(name) };
  });
  const unused = [...images.keys()].filter(
    (name) => !masks.has(name) && !masks.has(name.replace(/_0000$/, '')),
  );
  const warnings =
    unused.length > 0 ? [`${unused.length} pictures in ${imageFolder} have no mask and are not used.`] : [];
  return { examples: await Promise.all(examples.map(placed)), labels: null, warnings };
}

/** An example of a folder, before its place in its group is known. */
interface NamedExample extends TaskExample {
  readonly image: string;
  readonly name: string;
  readonly group: string;
}

/** The number that a picture's name ends in is its place among those of its subject; slices of a volume have theirs. */
async function placed(example: NamedExample): Promise<TaskExample> {
  const { image, name, group } = example;
  const index = Number(/[0-9]+$/.exec(name)?.[0] ?? Number.NaN);
  if (name === group || !Number.isSafeInteger(index)) return example;
  // What cannot be read says so when the task is defined.
  const volume = await isVolumePath(image).catch(() => true);
  return volume ? example : { ...example, index };
}
