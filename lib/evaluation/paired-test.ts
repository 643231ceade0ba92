import { mean } from '../statistics/mean.js';
import { type PairedBootstrap, pairedBootstrap } from '../statistics/paired-bootstrap.js';
import { type WilcoxonTest, wilcoxon } from '../statistics/wilcoxon.js';
import type { AggregateOptions } from './aggregate.js';
import type { ScoredCase } from './scored-case.js';
import type { Metric } from './scores.js';
import { meanOfSubjects, type SubjectMeans, subjectMeans } from './subject-means.js';

/** Two methods on the same cases, by one metric; a difference above 0 means that the first one's number is larger. */
export interface PairedTest extends PairedBootstrap {
  readonly subjects: number;
  readonly first: number;
  readonly second: number;
  readonly wilcoxon: WilcoxonTest;
}

/**
 * Tests the difference of the aggregated means of rows that pairRows has put in one order. The bootstrap draws subjects
 * within their data set; Wilcoxon's test takes one difference for each subject, the mean over its tasks.
 */
export function pairedTest<M extends Metric>(
  first: readonly ScoredCase<M>[],
  second: readonly ScoredCase<M>[],
  metric: M,
  options: AggregateOptions = {},
): PairedTest {
  const [own, other] = [subjectMeans(first, metric), subjectMeans(second, metric)];
  const differences: SubjectMeans = own.map((subjects, dataset) =>
    subjects.map((means, subject) => means.map((value, task) => value - other[dataset]![subject]![task]!)),
  );
  const perSubject = differences.flat().map((means) => mean(means.filter((value) => !Number.isNaN(value))));
  return {
    subjects: perSubject.length,
    first: meanOfSubjects(own),
    second: meanOfSubjects(other),
    ...pairedBootstrap(differences, meanOfSubjects, options),
    wilcoxon: wilcoxon(perSubject),
  };
}
