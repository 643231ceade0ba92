import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GmisegError } from '../errors.js';
import { cross, dot, norm, type Vector3 } from './affine.js';
import { type DicomTags, readDicomTags } from './dicom-tags.js';
import { readHead } from './file-bytes.js';
import { detectFormat } from './formats.js';

/** Slices of one volume, in the order of its last axis. */
export interface SortedSeries {
  readonly slices: readonly DicomTags[];
  readonly warnings: readonly string[];
}

/** Distances between slices that differ by less than this share count as equal. */
const UNEVEN = 0.02;

/** The DICOM files right in a folder, by name; files of other kinds (DICOMDIR, notes) are passed over. */
export async function listDicomFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.') || entry.name === 'DICOMDIR' || entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    if (await isDicomFile(path)) files.push(path);
  }
  return files;
}

async function isDicomFile(path: string): Promise<boolean> {
  const { head } = await readHead(path).catch(() => ({ head: Buffer.alloc(0) }));
  return detectFormat(head) === 'dicom';
}

/** Whether a folder holds a DICOM file; looks no further than the first. */
export async function holdsDicom(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.') || entry.name === 'DICOMDIR' || !entry.isFile()) continue;
    // One look is enough: folders of pictures would otherwise be read from end to end.
    return await isDicomFile(join(folder, entry.name));
  }
  return false;
}

/**
 * Chooses a series among a folder's files and sorts its slices along their normal.
 * @throws GmisegError ERR_IMAGE_FORMAT: several series and none named, slices of other sizes or directions, two
 *   slices in one place (a series of several phases)
 */
export async function sortSeries(folder: string, wanted?: string): Promise<SortedSeries> {
  const series = new Map<string, DicomTags[]>();
  for (const path of await listDicomFiles(folder)) {
    const tags = await readDicomTags(path);
    // Segmentations, reports and plans lie beside images but hold none.
    if (tags.rows === 0 || tags.columns === 0 || tags.modality === 'SEG') continue;
    series.set(tags.seriesUid, [...(series.get(tags.seriesUid) ?? []), tags]);
  }
  if (series.size === 0)
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${folder} holds no DICOM images; pass the folder of a series`,
      {
        details: { path: folder },
      },
    );
  const uid = wanted ?? (series.size === 1 ? [...series.keys()][0]! : undefined);
  const chosen = uid === undefined ? undefined : series.get(uid);
  if (chosen === undefined) {
    const list = [...series].map(
      ([id, slices]) => `${id} (${slices.length} x ${slices[0]!.modality} ${slices[0]!.seriesDescription})`,
    );
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      wanted === undefined
        ? `${folder} holds ${series.size} DICOM series; move each to a folder of its own, or name one with { series }: ${list.join(', ')}`
        : `${folder} holds no series ${wanted}; there are ${list.join(', ')}`,
      { details: { path: folder, series: [...series.keys()] } },
    );
  }
  return sortSlices(chosen, folder);
}

function sortSlices(slices: readonly DicomTags[], folder: string): SortedSeries {
  const first = slices[0]!;
  if (slices.length === 1) return { slices, warnings: [] };
  const refuse = (what: string): GmisegError =>
    new GmisegError('ERR_IMAGE_FORMAT', `${folder}: ${what}`, { details: { path: folder } });
  for (const slice of slices) {
    if (slice.rows !== first.rows || slice.columns !== first.columns)
      throw refuse(
        `${slice.path} is ${slice.columns} x ${slice.rows}, ${first.path} ${first.columns} x ${first.rows}; slices of a volume have one size. Move the odd ones away`,
      );
    if (slice.position === null || slice.orientation === null)
      throw refuse(
        `${slice.path} does not say where it lies (no ImagePositionPatient); it cannot be stacked`,
      );
    if (slice.orientation.some((value, i) => Math.abs(value - first.orientation![i]!) > 1e-3))
      throw refuse(
        `${slice.path} lies in another direction than ${first.path}; move localizers and other orientations away`,
      );
  }
  const row = first.orientation!.slice(0, 3) as unknown as Vector3;
  const column = first.orientation!.slice(3) as unknown as Vector3;
  const normal = cross(row, column);
  const place = (slice: DicomTags): number => dot(slice.position!, normal);
  const sorted = [...slices].sort((a, b) => place(a) - place(b));
  const gaps = sorted.slice(1).map((slice, i) => place(slice) - place(sorted[i]!));
  const median = [...gaps].sort((a, b) => a - b)[gaps.length >> 1]!;
  const double = gaps.findIndex((gap) => gap < 1e-3);
  if (double >= 0)
    throw refuse(
      `${sorted[double]!.path} and ${sorted[double + 1]!.path} lie in the same place; a series of several phases or echoes must be split, one folder each`,
    );
  const warnings: string[] = [];
  const odd = gaps.filter((gap) => Math.abs(gap - median) > UNEVEN * median);
  if (odd.length > 0)
    warnings.push(
      `slices are ${median.toFixed(2)} mm apart but for ${odd.length} gaps of up to ${Math.max(...odd).toFixed(2)} mm; slices may be missing`,
    );
  const last = sorted.at(-1)!.position!;
  const start = sorted[0]!.position!;
  const along: Vector3 = [last[0] - start[0], last[1] - start[1], last[2] - start[2]];
  if (Math.abs(dot(along, normal)) < norm(along) * (1 - 1e-4))
    warnings.push('the slices are staggered (tilted gantry); the volume is read as if they were not');
  return { slices: sorted, warnings };
}
