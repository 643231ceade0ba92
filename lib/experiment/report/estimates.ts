import { METRICS, type Metric } from '../score-mask.js';
import type { Summary } from '../summary.js';
import type { Cell, Column, TableCell } from './content.js';

/** A column of estimates; CSV has the standard deviation and the interval in columns of their own. */
export function estimateColumn(title: string): Column {
  return { title, parts: ['sd', 'ci low', 'ci high'] };
}

/** `0.812 ± 0.013 [0.780, 0.843]`: mean, spread between draws and seeds where there are several, and interval. */
export function estimateCell(
  { mean, std, interval, draws, seeds }: Summary,
  {
    digits = METRICS[0]!.digits,
    strong = false,
  }: { readonly digits?: number; readonly strong?: boolean } = {},
): TableCell {
  if (Number.isNaN(mean)) return { text: '–', value: null };
  const spread = draws * seeds > 1 ? std : null;
  const parts = [
    mean.toFixed(digits),
    ...(spread === null ? [] : [`± ${spread.toFixed(digits)}`]),
    ...(interval === null ? [] : [intervalText(interval, digits)]),
  ];
  return { text: parts.join(' '), value: mean, parts: [spread, ...(interval ?? [null, null])], strong };
}

export function intervalText(interval: readonly number[], digits: number): string {
  return `[${interval.map((end) => end.toFixed(digits)).join(', ')}]`;
}

/** What estimates are of. */
export const COUNT_COLUMNS = ['queries', 'subjects', 'draws', 'seeds'] as const;

export function countCells({ queries, subjects, draws, seeds }: Summary): Cell[] {
  return [queries, subjects, draws, seeds];
}

/** For the lead of a report. */
export const ESTIMATES_NOTE =
  '± is the standard deviation between draws of the support set and seeds of a training; brackets hold the 95 % interval ' +
  'of a bootstrap over subjects.';

/** Which of some summaries is best; -1 where there is none. */
export function best(summaries: readonly Summary[], better: Metric['better']): number {
  const sign = better === 'more' ? 1 : -1;
  return summaries.reduce((most, { mean }, at) => {
    if (Number.isNaN(mean)) return most;
    return most < 0 || sign * mean > sign * (summaries[most] as Summary).mean ? at : most;
  }, -1);
}
