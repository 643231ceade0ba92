import type { Summary } from '../results.js';
import type { TableCell } from './content.js';

/** `0.812 ± 0.013`; the spread only where there are several draws or seeds. */
export function summaryCell(
  { mean, std, count }: Summary,
  { strong = false, digits = 3 }: { readonly strong?: boolean; readonly digits?: number } = {},
): TableCell {
  if (count === 0) return { text: '–', value: null };
  const spread = count > 1 ? ` ± ${std.toFixed(digits)}` : '';
  return { text: `${mean.toFixed(digits)}${spread}`, value: mean, strong };
}

/** Which of some summaries is best; -1 where there is none. */
export function best(summaries: readonly Summary[], better: 'more' | 'less'): number {
  const sign = better === 'more' ? 1 : -1;
  return summaries.reduce((most, { mean, count }, at) => {
    if (count === 0) return most;
    return most < 0 || sign * mean > sign * (summaries[most] as Summary).mean ? at : most;
  }, -1);
}
