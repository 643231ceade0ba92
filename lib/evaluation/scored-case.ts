import type { CaseGroup } from './case-groups.js';
import type { Metric } from './scores.js';

/** What aggregation needs of one object of one image: whose and of what it is, and its scores. */
export interface ScoredCase<M extends Metric> extends CaseGroup {
  readonly case: string;
  readonly label: number;
  readonly scores: Readonly<Record<M, number>>;
}
