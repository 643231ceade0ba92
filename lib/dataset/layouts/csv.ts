import { stat } from 'node:fs/promises';
import path from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { GmisegError } from '../../errors.js';
import { baseName } from '../../image/index.js';
import { type DatasetCase, type DatasetFolder, subjectOf } from '../case.js';
import type { SplitName } from '../split.js';
import { exists, readText } from './files.js';
import { pairsFolder } from './folders.js';
import type { LayoutOptions } from './layout-options.js';

const COLUMNS = ['image', 'label', 'id', 'subject', 'modality', 'split'] as const;
const SIDES: Record<string, SplitName> = {
  train: 'train',
  training: 'train',
  val: 'val',
  validation: 'val',
  test: 'test',
  testing: 'test',
};

/**
 * A list of pairs: a CSV (or TSV) file with the columns `image` and `label`, and if wanted `id`, `subject`,
 * `modality` and `split` (train, val, test). Paths are relative to the list. Several channels are separated by
 * `;`. A folder must hold `dataset.csv`. Throws ERR_DATASET that names the line.
 */
export async function openCsv(source: string, options: LayoutOptions = {}): Promise<DatasetFolder> {
  const folder = (await stat(source).catch(() => null))?.isDirectory() === true;
  const file = path.resolve(folder ? path.join(source, 'dataset.csv') : source);
  const cases: DatasetCase[] = [];
  const ids = new Set<string>();
  for (const { record, line } of await readRows(file)) {
    const one = await caseOf(record, line, file, options);
    if (ids.has(one.id))
      throw new GmisegError('ERR_DATASET', `${file}, line ${line}: the id ${one.id} is there already.`, {
        details: { path: file, line },
      });
    ids.add(one.id);
    cases.push(one);
  }
  if (cases.length === 0)
    throw new GmisegError('ERR_DATASET', `${file} lists no cases; each line names an image and its label.`);
  return await pairsFolder('csv', file, cases, options);
}

interface Row {
  readonly record: Readonly<Record<string, string>>;
  readonly line: number;
}

async function readRows(file: string): Promise<Row[]> {
  const text = await readText(file, '--layout csv takes a CSV file with the columns image and label.');
  const [head = ''] = text.split(/\r?\n/, 1);
  const delimiter = head.includes('\t') ? '\t' : head.includes(';') && !head.includes(',') ? ';' : ',';
  try {
    const rows = parse(text, {
      bom: true,
      columns: (names: string[]) => names.map((name) => name.trim().toLowerCase()),
      comment: '#',
      comment_no_infix: true,
      delimiter,
      info: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as { record: Record<string, string>; info: { lines: number } }[];
    const names = Object.keys(rows[0]?.record ?? { image: '', label: '' });
    const unknown = names.filter((name) => !(COLUMNS as readonly string[]).includes(name));
    if (!names.includes('image') || !names.includes('label') || unknown.length > 0)
      throw new GmisegError(
        'ERR_DATASET',
        `${file} has the columns ${names.join(', ')}; image and label are needed, ${COLUMNS.slice(2).join(', ')} are optional.`,
        { details: { path: file, columns: names } },
      );
    return rows.map(({ record, info }) => ({ record, line: info.lines }));
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new GmisegError('ERR_DATASET', `${file} is not valid CSV: ${cause.message}`, {
      cause,
      details: { path: file },
    });
  }
}

async function caseOf(
  record: Row['record'],
  line: number,
  file: string,
  options: LayoutOptions,
): Promise<DatasetCase> {
  const wrong = (what: string): GmisegError =>
    new GmisegError('ERR_DATASET', `${file}, line ${line}: ${what}`, { details: { path: file, line } });
  const place = async (name: string): Promise<string> => {
    const found = path.resolve(path.dirname(file), name);
    if (!(await exists(found))) throw wrong(`${found} does not exist.`);
    return found;
  };
  const images = (record.image ?? '').split(';').map((name) => name.trim());
  if (images.includes('') || !record.label) throw wrong('name an image and its label.');
  const id = record.id || baseName(images[0]!);
  const split = record.split ? SIDES[record.split.toLowerCase()] : undefined;
  if (record.split && split === undefined)
    throw wrong(`the split is "${record.split}"; use train, val or test.`);
  const modality = (record.modality ?? '').split(';').map((name) => name.trim());
  return {
    id,
    subject: record.subject || subjectOf(id, options.subject),
    imagePaths: await Promise.all(images.map(place)),
    labelPath: await place(record.label),
    modality: modality.length > 1 ? modality : images.map(() => modality[0] ?? ''),
    ...(split === undefined ? {} : { split }),
  };
}
