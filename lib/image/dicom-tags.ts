import { readFile } from 'node:fs/promises';
import { GmisegError } from '../errors.js';
import { fileError } from './file-bytes.js';
import { optionalModule } from './optional-module.js';

/** What of dicom-parser is used. */
interface DicomParser {
  parseDicom(
    bytes: Uint8Array,
    options: { untilTag: string },
  ): {
    string(tag: string): string | undefined;
    uint16(tag: string): number | undefined;
  };
}

/** The elements that decide how slices make a volume. */
export interface DicomTags {
  readonly path: string;
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly instanceUid: string;
  readonly seriesDescription: string;
  readonly modality: string;
  readonly rows: number;
  readonly columns: number;
  readonly frames: number;
  readonly instance: number;
  /** Of the first voxel, LPS+, millimetres; null for pictures without a place in space. */
  readonly position: readonly [number, number, number] | null;
  /** Directions of a row and of a column, LPS+. */
  readonly orientation: readonly number[] | null;
}

const PIXEL_DATA = 'x7fe00010';

function decimals(text: string | undefined, count: number): number[] | null {
  const values = (text ?? '').split('\\').map(Number);
  return text !== undefined && values.length === count && values.every(Number.isFinite) ? values : null;
}

/**
 * Reads a DICOM file's head. Pixels are not decoded.
 * @throws GmisegError ERR_IMAGE_FORMAT (damaged; dicom-parser is not installed), ERR_IO
 */
export async function readDicomTags(path: string): Promise<DicomTags> {
  const parser = await optionalModule<DicomParser | { default: DicomParser }>(
    'dicom-parser',
    `reading the DICOM file ${path}`,
  );
  const { parseDicom } = 'default' in parser ? parser.default : parser;
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileError(path, error);
  }
  try {
    const head = parseDicom(bytes, { untilTag: PIXEL_DATA });
    return {
      path,
      studyUid: head.string('x0020000d') ?? '',
      instanceUid: head.string('x00080018') ?? '',
      seriesUid: head.string('x0020000e') ?? '',
      seriesDescription: head.string('x0008103e') ?? '',
      modality: head.string('x00080060') ?? '',
      rows: head.uint16('x00280010') ?? 0,
      columns: head.uint16('x00280011') ?? 0,
      frames: Number(head.string('x00280008') ?? 1),
      instance: Number(head.string('x00200013') ?? 0),
      position: decimals(head.string('x00200032'), 3) as [number, number, number] | null,
      orientation: decimals(head.string('x00200037'), 6),
    };
  } catch (cause) {
    const why =
      cause instanceof Error ? cause.message : String((cause as { exception?: unknown })?.exception ?? cause);
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} is a DICOM file that cannot be parsed (${why}); copy or export it again`,
      { cause, details: { path } },
    );
  }
}
