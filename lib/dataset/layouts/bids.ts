import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { GmisegError } from '../../errors.js';
import { type DatasetCase, type DatasetFolder, subjectOf } from '../case.js';
import { type BidsName, parseBidsName } from './bids-name.js';
import { datasetFolder } from './dataset-folder.js';
import { exists, filesBelow, notThisLayout, VOLUME_ENDING } from './files.js';
import type { LayoutOptions } from './layout-options.js';

/** Suffixes of discrete segmentations; probability maps (`probseg`) are none. */
const LABELS = new Set(['dseg', 'mask', 'msk', 'seg']);

interface BidsFile extends BidsName {
  readonly file: string;
}

/**
 * A BIDS dataset with segmentations under `derivatives/`: `sub-01[_ses-1]_..._dseg.nii.gz` (or mask, msk) with the
 * raw images of the same subject and session. Of several kinds of images `suffixes` says which are the channels.
 * Label names come from `*_dseg.tsv` (index, name). Throws ERR_DATASET that says what is missing.
 */
export async function openBids(folder: string, options: LayoutOptions = {}): Promise<DatasetFolder> {
  const root = path.resolve(folder);
  const all: BidsFile[] = [];
  const tables: string[] = [];
  for (const file of await filesBelow(root)) {
    if (/dseg\.tsv$/i.test(file)) tables.push(path.join(root, file));
    const name = VOLUME_ENDING.test(file) ? parseBidsName(file) : null;
    if (name !== null) all.push({ ...name, file });
  }
  const derived = ({ file }: BidsFile): boolean => file.split(path.sep).includes('derivatives');
  const labels = all.filter((one) => LABELS.has(one.suffix.toLowerCase()));
  const images = all.filter((one) => !derived(one) && !LABELS.has(one.suffix.toLowerCase()));
  if (labels.length === 0 || images.length === 0)
    throw notThisLayout(
      root,
      'BIDS with segmentations',
      'sub-*/…/sub-*_SUFFIX.nii.gz and derivatives/…/sub-*_dseg.nii.gz (or _mask, _msk)',
    );
  const suffixes = options.suffixes ?? onlySuffix(images, labels, root);
  const cases = labels.flatMap((label) => caseOf(label, images, suffixes, root, options));
  const names = await labelNames(tables, labels, root);
  return datasetFolder({ layout: 'bids', path: root, labels: options.labels ?? names, cases });
}

function sameScan(image: BidsName, label: BidsName): boolean {
  return image.subject === label.subject && image.session === label.session;
}

/** The one kind of image that every label has; several need a choice. */
function onlySuffix(images: readonly BidsFile[], labels: readonly BidsFile[], root: string): string[] {
  const kinds = new Set(
    images.filter((image) => labels.some((label) => sameScan(image, label))).map((image) => image.suffix),
  );
  if (kinds.size === 1) return [...kinds];
  throw new GmisegError(
    'ERR_DATASET',
    kinds.size === 0
      ? `${root}: no segmentation has an image of the same subject and session.`
      : `${root} has images of several kinds: ${[...kinds].sort().join(', ')}. Name those that the segmentations lie on: --suffix ${[...kinds].sort()[0]}`,
    { details: { path: root, suffixes: [...kinds].sort() } },
  );
}

function caseOf(
  label: BidsFile,
  images: readonly BidsFile[],
  suffixes: readonly string[],
  root: string,
  options: LayoutOptions,
): DatasetCase[] {
  const found = suffixes.map((suffix) => {
    const fitting = images.filter(
      (image) => image.suffix.toLowerCase() === suffix.toLowerCase() && sameScan(image, label),
    );
    // Of several runs or contrasts the one that the label's own entities name.
    return [...fitting].sort((a, b) => shared(b, label) - shared(a, label))[0];
  });
  // Scans without the kind of image that was asked for are left out; a mistake in the name leaves out all.
  if (found[0] === undefined) return [];
  const missing = found.indexOf(undefined);
  if (missing >= 0)
    throw new GmisegError(
      'ERR_DATASET',
      `${path.join(root, label.file)} has no ${suffixes[missing]} image of the same subject and session.`,
      { details: { path: label.file } },
    );
  const id = path.basename(label.file, label.ending).replace(new RegExp(`_${label.suffix}$`), '');
  return [
    {
      id,
      subject: options.subject === undefined ? `sub-${label.subject}` : subjectOf(id, options.subject),
      imagePaths: found.map((image) => path.join(root, image!.file)),
      labelPath: path.join(root, label.file),
      modality: found.map((image) => image!.suffix),
    },
  ];
}

function shared(image: BidsName, label: BidsName): number {
  return [...image.entities].filter(([key, value]) => label.entities.get(key) === value).length;
}

/** Names from the first label table that fits: beside a label, or at the head of its pipeline. */
async function labelNames(
  tables: readonly string[],
  labels: readonly BidsFile[],
  root: string,
): Promise<Map<number, string>> {
  const [first] = labels;
  const beside = first === undefined ? '' : path.join(root, first.file.replace(VOLUME_ENDING, '.tsv'));
  const table = (await exists(beside)) ? beside : tables[0];
  if (table === undefined) return new Map();
  const rows = parse(await readFile(table, 'utf8'), {
    columns: true,
    delimiter: '\t',
    relax_quotes: true,
    skip_empty_lines: true,
  }) as Record<string, string>[];
  const named = rows
    .map((row): [number, string] => [Number(row.index), row.name ?? ''])
    .filter(([value, name]) => Number.isInteger(value) && value > 0 && name !== '');
  return new Map(named);
}
