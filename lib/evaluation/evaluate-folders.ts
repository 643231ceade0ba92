import path from 'node:path';
import { Cancellation } from '../cancellation.js';
import { callSite, GmisegError } from '../errors.js';
import { type CaseTable, groupOf } from './case-groups.js';
import { chooseLabels, type LabelChoice, type Renaming, renamed, valuesIn } from './choose-labels.js';
import { type LoadedLabels, readLabels } from './load-masks.js';
import { type FilePair, type PairedFolders, pairFolders } from './pair-files.js';
import type { ScoredCase } from './scored-case.js';
import { type Metric, type Scores, scoreObjects } from './scores.js';

export interface EvaluateFoldersOptions {
  /** One folder or several that predict the same cases, to be compared. */
  readonly predictions: readonly string[];
  readonly truth: string;
  /** Default: all labels that occur. */
  readonly labels?: readonly number[];
  readonly spacing?: readonly number[];
  readonly tolerance?: number;
  readonly ignoreGeometry?: boolean;
  /** Leave truths without a prediction out instead of refusing them. */
  readonly skipMissing?: boolean;
  /** Whose case is whose. */
  readonly groups?: CaseTable;
  readonly subject?: RegExp;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, name: string) => void;
}

/** One label of one image. */
export interface ScoreRow extends ScoredCase<Metric> {
  readonly prediction: string;
  readonly truth: string;
  readonly scores: Scores;
}

export interface FoldersEvaluation {
  readonly labels: readonly number[];
  readonly tolerance: number;
  /** For each folder of predictions: its rows, by case and label. */
  readonly rows: readonly (readonly ScoreRow[])[];
  /** Truths that were left out because some prediction of them is missing. */
  readonly missing: readonly string[];
  readonly warnings: readonly string[];
}

const NAMED = 5;

/**
 * Scores folders of predictions against a folder of truths, paired by base name, one label at a time. Files are read
 * twice, first for the labels that occur; one case is in memory at a time.
 * @throws GmisegError ERR_DATASET (nothing pairs, a prediction is missing, places differ, labels are not clear),
 *   ERR_SHAPE (sizes differ), and what reading throws; each names the file. An abort rejects with the signal's reason.
 */
export async function evaluateFolders(options: EvaluateFoldersOptions): Promise<FoldersEvaluation> {
  const site = callSite(evaluateFolders);
  const { predictions, truth, tolerance = 1, signal, onProgress } = options;
  const { pairs, missing, warnings } = await pairAll(options);
  const total = 2 * pairs.length;
  const choice = await findLabels(
    pairs,
    options.labels,
    (done, name) => onProgress?.(done, total, name),
    signal,
  );
  warnings.push(...labelWarnings(choice, predictions, truth));
  const dataset = path.basename(path.resolve(truth));
  const objects = choice.labels.map((label) => [label]);
  const rows = predictions.map((): ScoreRow[] => []);
  const cancellation = new Cancellation(signal);
  try {
    for (const [at, all] of pairs.entries()) {
      const first = all[0]!;
      onProgress?.(pairs.length + at, total, first.case);
      const actual = rename(await readLabels(first.truth, signal), choice.truth);
      for (const [folder, pair] of all.entries()) {
        const predicted = rename(await readLabels(pair.prediction, signal), choice.predictions[folder]!);
        const found = await scoreObjects(
          predicted,
          actual,
          objects,
          { ...options, tolerance },
          cancellation,
          site,
        );
        const group = groupOf(pair.case, dataset, options.groups, options.subject);
        rows[folder]!.push(
          ...found.map((scores, k) => ({ ...pair, ...group, label: choice.labels[k]!, scores })),
        );
      }
    }
    onProgress?.(total, total, '');
  } finally {
    cancellation.dispose();
  }
  const units = new Set(rows.flatMap((list) => list.map(({ scores }) => scores.unit)));
  if (units.size > 1)
    warnings.push('some distances are in millimetres and some in pixels; give --spacing to have them alike');
  return { labels: choice.labels, tolerance, rows, missing, warnings };
}

function rename(labels: LoadedLabels, renaming: Renaming): LoadedLabels {
  return { ...labels, data: renamed(labels.data, renaming) };
}

/** For each case its pair in each folder. */
async function pairAll({
  predictions,
  truth,
  skipMissing = false,
}: EvaluateFoldersOptions): Promise<{ pairs: FilePair[][]; missing: string[]; warnings: string[] }> {
  const found: PairedFolders[] = [];
  for (const folder of predictions) found.push(await pairFolders(folder, truth));
  const warnings: string[] = [];
  for (const [at, { pairs, missing, extra }] of found.entries()) {
    const folder = predictions[at]!;
    if (pairs.length === 0)
      throw new GmisegError(
        'ERR_DATASET',
        `No file of ${folder} has the base name of a label file in ${truth}; predictions pair with truths of the same name, whatever the format.`,
        { details: { predictions: folder, truth } },
      );
    if (missing.length > 0 && !skipMissing)
      throw new GmisegError(
        'ERR_DATASET',
        `${folder} has no prediction for ${listed(missing)}; predict them too, or leave them out with --skip-missing.`,
        { details: { predictions: folder, missing } },
      );
    if (extra.length > 0) warnings.push(`no truth for ${listed(extra)}`);
  }
  const missing = [...new Set(found.flatMap((one) => one.missing))];
  if (missing.length > 0) warnings.push(`left out, because a prediction is missing: ${listed(missing)}`);
  const pairs = found[0]!.pairs
    .map((pair) => found.map((one) => one.pairs.find((other) => other.case === pair.case)))
    .filter((all): all is FilePair[] => !all.includes(undefined));
  if (pairs.length === 0)
    throw new GmisegError('ERR_DATASET', `${predictions.join(' and ')} have no case in common.`);
  return { pairs, missing, warnings };
}

function listed(files: readonly string[]): string {
  const more = files.length - NAMED;
  return `${files.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

async function findLabels(
  pairs: readonly (readonly FilePair[])[],
  asked: readonly number[] | undefined,
  onProgress: (done: number, name: string) => void,
  signal: AbortSignal | undefined,
): Promise<LabelChoice> {
  const truth = new Set<number>();
  const predictions = pairs[0]!.map(() => new Set<number>());
  for (const [at, all] of pairs.entries()) {
    onProgress(at, all[0]!.case);
    valuesIn((await readLabels(all[0]!.truth, signal)).data, truth);
    for (const [folder, { prediction }] of all.entries())
      valuesIn((await readLabels(prediction, signal)).data, predictions[folder]!);
  }
  return chooseLabels(predictions, truth, asked);
}

function labelWarnings(choice: LabelChoice, predictions: readonly string[], truth: string): string[] {
  const sides: [string, Renaming][] = [
    [truth, choice.truth],
    ...choice.predictions.map((renaming, at): [string, Renaming] => [predictions[at]!, renaming]),
  ];
  const renamings = sides.flatMap(([folder, renaming]) =>
    renaming === null
      ? []
      : [`the masks of ${folder} are binary: their value ${renaming.from} is taken as label ${renaming.to}`],
  );
  return [...renamings, ...choice.untrue.map((label) => `no mask of ${truth} holds label ${label}`)];
}
