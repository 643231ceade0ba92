import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { GmisegError } from '../../errors.js';
import { type DatasetCase, type DatasetFolder, subjectOf } from '../case.js';
import { compareCodePoints } from '../split.js';
import { datasetFolder } from './dataset-folder.js';
import { readJsonObject } from './files.js';
import { readLabels } from './label-table.js';
import type { LayoutOptions } from './layout-options.js';

interface DatasetJson {
  channel_names?: Record<string, string>;
  /** The same under its Decathlon name. */
  modality?: Record<string, string>;
  labels?: Record<string, unknown>;
  file_ending?: string;
  dataset?: Record<string, { images?: unknown; label?: unknown }>;
}

/**
 * An nnU-Net raw folder: `dataset.json`, `imagesTr/CASE_0000.nii.gz`,
 * `labelsTr/CASE.nii.gz`. Only training cases have labels, so only they count.
 * Throws ERR_DATASET that names the file and what is wrong with it.
 */
export async function openNnunet(folder: string, options: LayoutOptions = {}): Promise<DatasetFolder> {
  const root = path.resolve(folder);
  const jsonPath = path.join(root, 'dataset.json');
  const json: DatasetJson = await readJsonObject(
    jsonPath,
    'An nnU-Net raw folder holds dataset.json, imagesTr/ and labelsTr/; for plain images/ and masks/ use --layout folders.',
  );
  const { labels, regions, ignoreLabel } = readLabels(json, jsonPath);
  const channels = readChannels(json);
  const ending = json.file_ending ?? (await guessEnding(path.join(root, 'labelsTr')));
  const cases =
    json.dataset === undefined
      ? await scanCases(root, ending, channels, options)
      : listedCases(root, json.dataset, jsonPath, channels, options);
  if (cases.length === 0) {
    throw new GmisegError(
      'ERR_DATASET',
      `No cases in ${root}: labelsTr holds no file that ends in "${ending}". Check file_ending in ${jsonPath}.`,
    );
  }
  return datasetFolder({ layout: 'nnunet', path: root, labels, regions, ignoreLabel, cases });
}

function readChannels(json: DatasetJson): string[] {
  const table = json.channel_names ?? json.modality ?? {};
  return Object.entries(table)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, name]) => String(name));
}

async function guessEnding(labelFolder: string): Promise<string> {
  const names = await listFolder(labelFolder);
  const first = names[0];
  if (first === undefined) return '.nii.gz';
  return /(\.nii\.gz|\.[^.]+)$/.exec(first)?.[1] ?? '.nii.gz';
}

async function scanCases(
  root: string,
  ending: string,
  channels: readonly string[],
  options: LayoutOptions,
): Promise<DatasetCase[]> {
  const imageFolder = path.join(root, 'imagesTr');
  const labelFolder = path.join(root, 'labelsTr');
  const images = new Map<string, { channel: number; file: string }[]>();
  for (const file of await listFolder(imageFolder)) {
    if (!file.endsWith(ending)) continue;
    const match = /^(.+)_(\d{4})$/.exec(file.slice(0, file.length - ending.length));
    if (match === null) continue;
    const list = images.get(match[1] as string) ?? [];
    list.push({ channel: Number(match[2]), file });
    images.set(match[1] as string, list);
  }
  const cases: DatasetCase[] = [];
  const labelFiles = (await listFolder(labelFolder)).filter((file) => file.endsWith(ending));
  for (const file of labelFiles.sort(compareCodePoints)) {
    const id = file.slice(0, file.length - ending.length);
    const found = (images.get(id) ?? []).sort((a, b) => a.channel - b.channel);
    if (found.length === 0) {
      throw new GmisegError(
        'ERR_DATASET',
        `${path.join(labelFolder, file)} has no image: expected ${path.join(imageFolder, `${id}_0000${ending}`)}.`,
        { details: { case: id } },
      );
    }
    cases.push({
      id,
      subject: subjectOf(id, options.subject),
      imagePaths: found.map((image) => path.join(imageFolder, image.file)),
      labelPath: path.join(labelFolder, file),
      modality: found.map((image) => channels[image.channel] ?? ''),
    });
  }
  return cases;
}

/** The optional `dataset` table of dataset.json, which points at files anywhere. */
function listedCases(
  root: string,
  table: NonNullable<DatasetJson['dataset']>,
  jsonPath: string,
  channels: readonly string[],
  options: LayoutOptions,
): DatasetCase[] {
  return Object.entries(table)
    .sort(([a], [b]) => compareCodePoints(a, b))
    .map(([id, entry]) => {
      const files = entry?.images;
      if (!Array.isArray(files) || files.length === 0 || typeof entry.label !== 'string') {
        throw new GmisegError(
          'ERR_DATASET',
          `Case "${id}" of "dataset" in ${jsonPath} must hold { "images": ["FILE", ...], "label": "FILE" }.`,
        );
      }
      return {
        id,
        subject: subjectOf(id, options.subject),
        imagePaths: files.map((file) => path.resolve(root, String(file))),
        labelPath: path.resolve(root, entry.label),
        modality: files.map((_, channel) => channels[channel] ?? ''),
      };
    });
}

/** Names in a folder, sorted; hidden files and AppleDouble `._x` left out. */
async function listFolder(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names.filter((name) => !name.startsWith('.')).sort(compareCodePoints);
  } catch (cause) {
    const exists = await stat(path.dirname(folder)).then(
      () => true,
      () => false,
    );
    throw new GmisegError(
      'ERR_DATASET',
      exists
        ? `Cannot list ${folder}. An nnU-Net raw folder holds dataset.json, imagesTr/ and labelsTr/.`
        : `${path.dirname(folder)} does not exist.`,
      { cause, details: { path: folder } },
    );
  }
}
