import { pairRows } from '../evaluation/pair-rows.js';
import { type PairedTest, pairedTest } from '../evaluation/paired-test.js';
import { holm } from '../statistics/holm.js';
import { type Answers, pairKey } from './answers.js';
import type { ExperimentConfig } from './config.js';
import type { Setup } from './experiment.js';
import { byMethod, type DataSetTasks, dataSetsAndAll, type MethodGroup } from './grouping.js';
import type { Results } from './results.js';
import { METRICS, type Metric } from './score-mask.js';
import { type Summary, summarise } from './summary.js';

/** Samples of the bootstrap: enough that a p value survives the correction for many comparisons. */
const RESAMPLES = 10_000;

/** The reference against another method, both from supports, on one data set or all, by one metric. */
export interface Comparison {
  readonly dataSet: string;
  /** Size of the support set. */
  readonly n: number;
  readonly metric: Metric;
  readonly method: string;
  readonly against: string;
  /** What both were asked; `seeds` is that of the other method. */
  readonly counts: Pick<Summary, 'queries' | 'subjects' | 'draws' | 'seeds' | 'unit'>;
  readonly test: PairedTest;
  /** p values after Holm's correction; null where there was nothing to test. */
  readonly holm: { readonly bootstrap: number | null; readonly wilcoxon: number | null };
  /** Comparisons that were corrected together: those of the same size of support set and metric. */
  readonly family: number;
}

/** The method that the others are compared with: the config's `reference`, else its first. */
export function referenceOf({ reference, methods }: ExperimentConfig): string {
  return reference ?? (Object.keys(methods)[0] as string);
}

/**
 * Compares the reference with each other method on each data set and on all, from support sets of n examples. What is
 * not complete, or has no common unit of distance, is left out.
 */
export function compareMethods(setup: Setup, results: Results, n: number): Comparison[] {
  const methods = byMethod(setup.instances);
  const reference = methods.find(({ method }) => method === referenceOf(setup.config)) as MethodGroup;
  const pairs = dataSetsAndAll(setup.test).flatMap((set) => {
    const own = answersOf(reference, set, setup, results, n);
    return methods
      .filter((method) => method !== reference)
      .map((method) => ({ set, method, own, other: answersOf(method, set, setup, results, n) }));
  });
  return METRICS.flatMap((metric) => {
    const found = pairs.flatMap(({ set, method, own, other }) => {
      const test = compareAnswers(own, other, metric);
      if (test === null) return [];
      const { queries, subjects, draws, unit } = summarise(own, metric);
      const { seeds } = summarise(other, metric);
      return [{ set, method, test, counts: { queries, subjects, draws, seeds, unit } }];
    });
    const bootstrap = holm(found.map(({ test }) => test.p));
    const wilcoxon = holm(found.map(({ test }) => (test.p === null ? null : test.wilcoxon.p)));
    return found.map(({ set, method, test, counts }, at) => ({
      dataSet: set.name,
      n,
      metric,
      method: reference.label,
      against: method.label,
      counts,
      test,
      holm: { bootstrap: bootstrap[at]!, wilcoxon: wilcoxon[at]! },
      family: found.filter((one) => one.test.p !== null).length,
    }));
  });
}

/**
 * Tests the difference between two methods on the same queries and support sets; seeds of a training count as
 * repetitions of the same answer.
 * @returns null where an answer is missing, or distances have no common unit
 * @throws GmisegError ERR_DATASET where a query of the one has no counterpart of the other
 */
export function compareAnswers(own: Answers, other: Answers, { key, distance }: Metric): PairedTest | null {
  if (!own.complete || !other.complete || own.runs.length === 0 || other.runs.length === 0) return null;
  const rows = [own, other].map(({ runs }) => runs.flatMap((run) => run.rows));
  const units = new Set(rows.flat().map(({ unit }) => unit));
  if (distance && units.size > 1) return null;
  return pairedTest(...pairRows(rows[0]!, rows[1]!, pairKey), key, { resamples: RESAMPLES });
}

function answersOf(
  { instances }: MethodGroup,
  { tasks }: DataSetTasks,
  { config }: Setup,
  results: Results,
  n: number,
): Answers {
  return results.support(instances, tasks, { n, draws: config.draws });
}
