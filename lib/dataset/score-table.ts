import { type Distribution, distribution } from '../metrics.js';

/** One row of a table of scores. */
export interface ScoreRow {
  readonly group: string;
  /** Column name -> scores. */
  readonly columns: Readonly<Record<string, Distribution>>;
}

/** Collects scores by group (a structure) and column (a prompt, an axis). */
export class ScoreTable {
  private readonly groups = new Map<string, Map<string, number[]>>();

  /** Adds a score, 0 .. 1. */
  add(group: string, column: string, score: number): void {
    const columns = this.groups.get(group) ?? new Map<string, number[]>();
    this.groups.set(group, columns);
    const scores = columns.get(column) ?? [];
    columns.set(column, scores);
    scores.push(score);
  }

  /** The groups in the order they came; with several, `all` at the end. */
  rows(): ScoreRow[] {
    const summary = (columns: ReadonlyMap<string, number[]>): Record<string, Distribution> =>
      Object.fromEntries([...columns].map(([name, scores]) => [name, distribution(scores)]));
    const rows = [...this.groups].map(([group, columns]) => ({ group, columns: summary(columns) }));
    if (rows.length < 2) return rows;
    const all = new Map<string, number[]>();
    for (const columns of this.groups.values()) {
      for (const [name, scores] of columns) all.set(name, [...(all.get(name) ?? []), ...scores]);
    }
    return [...rows, { group: 'all', columns: summary(all) }];
  }

  /** A Markdown table of mean, median, spread and count. */
  markdown(heading: string): string {
    const rows = this.rows();
    const names = [...new Set(rows.flatMap(({ columns }) => Object.keys(columns)))];
    const head = [heading, ...names.flatMap((name) => [`${name}: mean`, 'median', 'std', 'n'])];
    const cells = rows.map(({ group, columns }) => [
      group,
      ...names.flatMap((name) => {
        const scores = columns[name];
        if (scores === undefined) return ['', '', '', '0'];
        const { mean, median, std, n } = scores;
        return [mean.toFixed(3), median.toFixed(3), std.toFixed(3), String(n)];
      }),
    ]);
    const widths = head.map((title, at) =>
      Math.max(title.length, ...cells.map((row) => (row[at] ?? '').length)),
    );
    const line = (row: readonly string[]): string =>
      `| ${row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' | ')} |`;
    const rule = `|${widths.map((width, at) => (at === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
    return [line(head), rule, ...cells.map(line)].join('\n');
  }
}
