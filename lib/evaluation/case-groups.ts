import { CsvError, parse } from 'csv-parse/sync';
import { subjectOf } from '../dataset/case.js';
import { readText } from '../dataset/layouts/files.js';
import { GmisegError } from '../errors.js';

/** Whose image a case is, and what it is of. */
export interface CaseGroup {
  readonly subject: string;
  /** '' where a file names none: labels alone are the tasks. */
  readonly task: string;
  readonly dataset: string;
}

/** What a table says of each case; cases that it lacks go by their name. */
export type CaseTable = ReadonlyMap<string, Partial<CaseGroup>>;

const COLUMNS = ['case', 'subject', 'task', 'dataset'];

/** The group of a case: the table's word, else its name (see subjectOf). */
export function groupOf(id: string, dataset: string, table?: CaseTable, pattern?: RegExp): CaseGroup {
  const said = table?.get(id) ?? {};
  return {
    subject: said.subject || subjectOf(id, pattern),
    task: said.task ?? '',
    dataset: said.dataset || dataset,
  };
}

/**
 * Reads who is who: a CSV file with the columns `case` and any of `subject`, `task` and `dataset`, or JSON
 * `{"CASE": "SUBJECT"}` or `{"CASE": {"subject", "task", "dataset"}}`. A case is the base name of its truth.
 * @throws GmisegError ERR_DATASET
 */
export async function readCaseTable(file: string): Promise<CaseTable> {
  const text = await readText(file, '--subjects takes a CSV or JSON file.');
  return /^\s*\{/.test(text) ? fromJson(text, file) : fromCsv(text, file);
}

function wrong(file: string, why: string, cause?: unknown): GmisegError {
  return new GmisegError('ERR_DATASET', `${file} ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { path: file },
  });
}

function fromJson(text: string, file: string): CaseTable {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw wrong(file, `is not valid JSON: ${(cause as Error).message}`, cause);
  }
  return new Map(
    Object.entries(json).map(([id, said]) => {
      if (typeof said === 'string') return [id, { subject: said }];
      const entries = typeof said === 'object' && said !== null ? Object.entries(said) : [];
      const fits = entries.every(([key, value]) => COLUMNS.includes(key) && typeof value === 'string');
      if (entries.length === 0 || !fits)
        throw wrong(
          file,
          `gives ${JSON.stringify(said)} for ${id}; give a subject, or an object with subject, task, dataset.`,
        );
      return [id, Object.fromEntries(entries) as Partial<CaseGroup>];
    }),
  );
}

function fromCsv(text: string, file: string): CaseTable {
  let rows: Record<string, string>[];
  try {
    rows = parse(text, {
      bom: true,
      columns: (names: string[]) => names.map((name) => name.trim().toLowerCase()),
      comment: '#',
      comment_no_infix: true,
      delimiter: [',', '\t', ';'],
      skip_empty_lines: true,
      trim: true,
    }) as Record<string, string>[];
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw wrong(file, `is not valid CSV: ${cause.message}`, cause);
  }
  const names = Object.keys(rows[0] ?? {});
  if (!names.includes('case') || names.length < 2 || names.some((name) => !COLUMNS.includes(name)))
    throw wrong(
      file,
      `has the columns ${names.join(', ') || '(none)'}; case is needed, with any of subject, task, dataset.`,
    );
  return new Map(rows.map(({ case: id = '', ...said }) => [id, said as Partial<CaseGroup>]));
}
