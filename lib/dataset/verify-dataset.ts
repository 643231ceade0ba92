import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { GmisegError } from '../errors.js';
import { writeAtomically } from '../image/atomic-write.js';
import { packageRoot } from '../package-root.js';
import type { DatasetCase } from './case.js';
import { type CaseOutcome, prepareCases } from './case-pool.js';
import { ImportNotes } from './import-notes.js';
import { type ImportSettings, planImport } from './import-plan.js';
import { ImportClock, type ImportProgress } from './import-progress.js';
import type { CaseFacts, PreparedCase } from './prepare-case.js';
import { PreviewSheet } from './preview-sheet.js';
import type { SplitName } from './split.js';
import { countTasks, type TaskRow, type TaskSlice } from './task-table.js';

export interface VerifyOptions extends ImportSettings {
  /** Where fingerprint.json and preview.png go; the store's folder, for instance. Nothing is written without. */
  out?: string;
  /** Write a contact sheet of examples too. */
  preview?: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: ImportProgress) => void;
}

/** Something amiss. Errors keep a case from being imported or spoil what is measured with it. */
export interface VerifyProblem {
  readonly severity: 'error' | 'warning';
  /** The case, or null where it is about the dataset. */
  readonly case: string | null;
  readonly code: string;
  readonly message: string;
}

/** What fingerprint.json says of a case. */
export interface FingerprintCase {
  readonly id: string;
  readonly subject: string;
  readonly split: SplitName;
  readonly files: readonly string[];
  readonly bytes: number;
  /** Null where the case could not be read. */
  readonly facts: (Omit<CaseFacts, 'labels'> & { readonly labels: Readonly<Record<string, number>> }) | null;
  readonly notes?: Readonly<Record<string, string>>;
}

/** The content of fingerprint.json. */
export interface Fingerprint {
  readonly schema: 1;
  readonly gmiseg: string;
  readonly source: string;
  readonly dataset: string;
  readonly options: Record<string, unknown>;
  readonly labels: Readonly<Record<string, string>>;
  readonly tasks: readonly TaskRow[];
  readonly problems: readonly VerifyProblem[];
  readonly cases: readonly FingerprintCase[];
}

export interface VerifyReport extends Fingerprint {
  readonly ok: boolean;
  /** Paths of what was written. */
  readonly written: readonly string[];
  readonly seconds: number;
  readonly rate: number;
}

/**
 * Reads every case as an import would, keeps going where one is broken, and says what is there and what is amiss:
 * files that cannot be read, shapes and voxel sizes that differ between image and mask, masks elsewhere in space,
 * label values without a name, labels that never occur, empty masks, values that are not finite, images that occur
 * twice. An image that is on two sides of the split is an error, as it would flatter every number measured with it.
 * @throws GmisegError ERR_DATASET where the folder cannot be opened at all; an abort rejects with its reason
 */
export async function verifyDataset(options: VerifyOptions): Promise<VerifyReport> {
  const { signal, out } = options;
  const plan = await planImport(options);
  const { cases, folder, dataset, sides } = plan;
  const clock = new ImportClock(plan.bytes);
  const notes = new ImportNotes();
  const problems: VerifyProblem[] = [];
  const found: FingerprintCase[] = [];
  const slices: TaskSlice[] = [];
  const sheet = options.preview === true ? new PreviewSheet(cases) : null;
  const report = (id: string): void =>
    options.onProgress?.(clock.at(found.length, cases.length, id, slices.length));
  report(cases[0]?.id ?? '');
  const outcomes = prepareCases(
    cases,
    folder,
    { ...plan.prepare, slices: false, facts: true, preview: sheet !== null },
    { workers: options.workers ?? 0, ...(signal === undefined ? {} : { signal }) },
  );
  for await (const outcome of outcomes) {
    const split = sides.get(outcome.one.subject) as SplitName;
    found.push(describeCase(outcome, split));
    if ('error' in outcome) {
      signal?.throwIfAborted();
      problems.push(failure(outcome.one, outcome.error));
    } else {
      const { prepared } = outcome;
      notes.add(prepared.id, prepared);
      for (const { axis, labels } of prepared.chosen)
        slices.push({ dataset, axis, split, labels: [...labels.keys()] });
      sheet?.add(prepared);
      clock.add(prepared.bytes);
      problems.push(...caseProblems(prepared));
    }
    report(outcome.one.id);
  }
  const labels = notes.labels(folder.labels);
  problems.push(...labelProblems(found, labels, folder.ignoreLabel), ...duplicates(found));
  const fingerprint: Fingerprint = {
    schema: 1,
    gmiseg: packageRoot().version,
    source: folder.path,
    dataset,
    options: plan.recorded,
    labels: Object.fromEntries(labels),
    tasks: countTasks(slices, (_, value) => labels.get(value) ?? `label ${value}`),
    problems,
    cases: found,
  };
  const written: string[] = [];
  if (out !== undefined) {
    await mkdir(out, { recursive: true });
    const file = path.join(out, 'fingerprint.json');
    await writeAtomically(file, [Buffer.from(fingerprintText(fingerprint))], signal);
    written.push(file);
    const picture = await sheet?.write(out, dataset, labels);
    if (picture) written.push(picture);
  }
  return {
    ...fingerprint,
    ok: !problems.some(({ severity }) => severity === 'error'),
    written,
    seconds: clock.seconds,
    rate: clock.at(found.length, cases.length, '', 0).rate,
  };
}

/** One line for each case and problem. */
function fingerprintText({ cases, problems, tasks, ...head }: Fingerprint): string {
  const list = (items: readonly unknown[]): string =>
    items.length === 0 ? '[]' : `[\n${items.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`;
  const start = JSON.stringify(head, null, 2).replace(/\n}$/, '');
  return `${start},\n  "tasks": ${list(tasks)},\n  "problems": ${list(problems)},\n  "cases": ${list(cases)}\n}\n`;
}

function describeCase(outcome: CaseOutcome, split: SplitName): FingerprintCase {
  const { one } = outcome;
  const facts = 'prepared' in outcome ? outcome.prepared.facts : null;
  return {
    id: one.id,
    subject: one.subject,
    split,
    files: [...new Set([...one.imagePaths, one.labelPath])],
    bytes: 'prepared' in outcome ? outcome.prepared.bytes : 0,
    facts: facts === null ? null : { ...facts, labels: Object.fromEntries(facts.labels) },
    ...(one.notes === undefined ? {} : { notes: one.notes }),
  };
}

function failure(one: DatasetCase, error: unknown): VerifyProblem {
  return {
    severity: 'error',
    case: one.id,
    code: error instanceof GmisegError ? error.code : 'ERR_INTERNAL',
    message: error instanceof Error ? error.message : String(error),
  };
}

function caseProblems({ id, facts, warnings, chosen }: PreparedCase): VerifyProblem[] {
  const warn = (code: string, message: string): VerifyProblem => ({
    severity: 'warning',
    case: id,
    code,
    message,
  });
  const list = warnings.map((warning) => warn('GEOMETRY', warning));
  if (facts?.labels.size === 0) list.push(warn('EMPTY_MASK', 'the mask is empty'));
  else if (chosen.length === 0) list.push(warn('NO_SLICE', 'no label has enough pixels on a slice'));
  for (const { min, max, nonFinite, modality } of facts?.channels ?? []) {
    if (min === max) list.push(warn('CONSTANT_IMAGE', `the image ${modality} holds nothing but ${min}`));
    if (nonFinite > 0)
      list.push(warn('NOT_FINITE', `the image ${modality} holds ${nonFinite} values that are not finite`));
  }
  return list;
}

function labelProblems(
  cases: readonly FingerprintCase[],
  names: ReadonlyMap<number, string>,
  ignoreLabel: number | null,
): VerifyProblem[] {
  const seen = new Map<number, string>();
  for (const { id, facts } of cases)
    for (const value of Object.keys(facts?.labels ?? {}).map(Number))
      if (!seen.has(value)) seen.set(value, id);
  const unnamed = [...seen].filter(([value]) => !names.has(value) && value !== ignoreLabel);
  const unused = [...names].filter(([value]) => !seen.has(value));
  const problems: VerifyProblem[] = [];
  const plural = (count: number, one: string, many: string): string => (count === 1 ? one : many);
  if (unnamed.length > 0) {
    const list = unnamed.map(([value]) => value).sort((a, b) => a - b);
    const message = `${plural(list.length, 'the label', 'the labels')} ${list.join(', ')} ${plural(list.length, 'has', 'have')} no name; --labels VALUE=NAME,... gives one`;
    problems.push({ severity: 'warning', case: unnamed[0]![1], code: 'UNNAMED_LABEL', message });
  }
  if (unused.length > 0) {
    const list = unused.map(([value, name]) => `${value} ${name}`);
    const message = `${plural(list.length, 'the label', `${list.length} labels`)} never ${plural(list.length, 'occurs', 'occur')}: ${list.slice(0, 8).join(', ')}${list.length > 8 ? ', ...' : ''}`;
    problems.push({ severity: 'warning', case: null, code: 'UNUSED_LABEL', message });
  }
  return problems;
}

function duplicates(cases: readonly FingerprintCase[]): VerifyProblem[] {
  const first = new Map<string, FingerprintCase>();
  const problems: VerifyProblem[] = [];
  for (const one of cases) {
    for (const { sha256, min, max } of one.facts?.channels ?? []) {
      const other = first.get(sha256);
      if (other === undefined) first.set(sha256, one);
      else if (other.id !== one.id && min !== max) {
        const across = other.split !== one.split;
        problems.push({
          severity: across ? 'error' : 'warning',
          case: one.id,
          code: across ? 'LEAK' : 'DUPLICATE',
          message: `the image is that of ${other.id}${across ? `, which is on another side of the split (${other.split}, this ${one.split}); give both one subject, or drop one` : ''}`,
        });
      }
    }
  }
  return problems;
}
