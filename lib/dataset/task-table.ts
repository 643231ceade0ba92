import type { SplitName } from './split.js';

/** One 2-D task: a label of a dataset, seen across one axis. */
export interface TaskRow {
  readonly dataset: string;
  readonly label: number;
  readonly name: string;
  readonly axis: 0 | 1 | 2;
  /** Slices that show the label, by side. */
  readonly train: number;
  readonly val: number;
  readonly test: number;
}

/** What is counted of a slice. */
export interface TaskSlice {
  readonly dataset: string;
  readonly axis: 0 | 1 | 2;
  readonly split: SplitName;
  /** Label values that count as targets there. */
  readonly labels: Iterable<number>;
}

/** Counts slices by dataset, label and axis, sorted so. */
export function countTasks(
  slices: Iterable<TaskSlice>,
  nameOf: (dataset: string, label: number) => string,
): TaskRow[] {
  const rows = new Map<string, TaskRow>();
  for (const { dataset, axis, split, labels } of slices) {
    for (const label of labels) {
      const key = `${dataset}\0${String(label).padStart(5, '0')}\0${axis}`;
      const row = rows.get(key) ?? {
        dataset,
        label,
        name: nameOf(dataset, label),
        axis,
        train: 0,
        val: 0,
        test: 0,
      };
      rows.set(key, { ...row, [split]: row[split] + 1 });
    }
  }
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

/** The table for people: a line per label, three counts per axis (training, validation, test). */
export function formatTasks(rows: readonly TaskRow[]): string {
  const lines = new Map<string, { head: string; axes: Map<number, string> }>();
  const used = [...new Set(rows.map((row) => row.axis))].sort();
  for (const { dataset, label, name, axis, train, val, test } of rows) {
    const key = `${dataset}\0${label}`;
    const line = lines.get(key) ?? { head: `${label} ${name}`, axes: new Map() };
    line.axes.set(axis, `${train}/${val}/${test}`);
    lines.set(key, line);
  }
  const heads = [...lines.values()].map(({ head }) => head);
  const wide = Math.max('label'.length, ...heads.map((head) => head.length));
  const cell = (text: string): string => text.padStart(12);
  return [
    `  ${'label'.padEnd(wide)}${used.map((axis) => cell(`axis ${axis}`)).join('')}   (train/val/test slices)`,
    ...[...lines.values()].map(
      ({ head, axes }) => `  ${head.padEnd(wide)}${used.map((axis) => cell(axes.get(axis) ?? '-')).join('')}`,
    ),
  ].join('\n');
}
