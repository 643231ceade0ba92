import { csvField } from '../csv.js';
import type { ScoreRow } from './evaluate-folders.js';
import { metricsOf } from './summary.js';

/** One row for each label of each image, with a head. */
export function scoresCsv(rows: readonly ScoreRow[]): string {
  const lines = rows.map(({ scores, ...row }) => ({
    case: row.case,
    subject: row.subject,
    task: row.task,
    dataset: row.dataset,
    label: row.label,
    empty: scores.empty,
    ...metricsOf(scores),
    unit: scores.unit,
    tolerance: scores.tolerance,
    volume_unit: scores.volumes.unit,
    prediction_file: row.prediction,
    reference_file: row.truth,
  }));
  const head = Object.keys(lines[0] ?? {});
  return [head, ...lines.map((line) => Object.values(line))]
    .map((cells) => `${cells.map((cell) => csvField(String(cell))).join(',')}\n`)
    .join('');
}
