import { pairRows } from '../evaluation/pair-rows.js';
import type { ScoredCase } from '../evaluation/scored-case.js';
import type { ScoreName } from './score-mask.js';
import type { UnitResult } from './unit.js';

/** How one query of one task was answered. */
export interface QueryRow extends ScoredCase<ScoreName> {
  /** Which support set it was answered from; 0 with boxes. */
  readonly draw: number;
  /** Of distances. */
  readonly unit: 'mm' | 'px';
}

/** The queries of some tasks, answered by one model from one support set of each. */
export interface Run {
  /** Of the method instance. */
  readonly instance: string;
  readonly draw: number;
  readonly rows: readonly QueryRow[];
}

/** How a method answered the queries of some tasks. */
export interface Answers {
  /** A run for each instance and draw of which no result is missing. */
  readonly runs: readonly Run[];
  /** Whether that is all of them. */
  readonly complete: boolean;
  /** Support sets that differ in some task: pools that are taken whole, or that nobody looks at, have but one. */
  readonly draws: number;
}

/** The queries of a result. `draw` is the one asked for: small pools give several draws the same result. */
export function rowsOf(result: UnitResult, dataSet: string, draw: number): QueryRow[] {
  const seen = new Map<string, number>();
  return result.queries.map(({ name, subject, scores, unit }) => {
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    return {
      dataset: dataSet,
      subject,
      task: result.task,
      // The pixels of a task are one object, whatever labels they had.
      label: 1,
      // Stores of other makers may call two slices the same; the order of queries is that of every method.
      case: before === 0 ? name : `${name}#${before + 1}`,
      draw,
      scores,
      unit,
    };
  });
}

/** What makes a pair: the same query of the same task, answered from the same support set. */
export function pairKey({ dataset, subject, task, case: id, draw }: QueryRow): string {
  return JSON.stringify([dataset, subject, task, id, draw]);
}

/**
 * By how much scores changed, query by query.
 * @param sign 1 for `after` less `before`, -1 for the opposite
 */
export function changes(after: Answers, before: Answers, sign: 1 | -1): Answers {
  const runs = after.runs.flatMap(({ instance, draw, rows }) => {
    const other = before.runs.find((run) => run.draw === draw);
    if (other === undefined) return [];
    const [own, others] = pairRows(rows, other.rows, pairKey);
    const change = (at: number, key: ScoreName): number =>
      sign * (own[at]!.scores[key] - others[at]!.scores[key]);
    const changed = own.map((row, at) => ({
      ...row,
      scores: { dice: change(at, 'dice'), jaccard: change(at, 'jaccard'), assd: change(at, 'assd') },
    }));
    return [{ instance, draw, rows: changed }];
  });
  return { runs, complete: after.complete && before.complete, draws: after.draws };
}
