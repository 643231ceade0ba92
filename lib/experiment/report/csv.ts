import { csvField } from '../../csv.js';
import type { Cell } from './content.js';

/** RFC 4180 with a header; numbers in full, nothing for null and what is no number. */
export function csv(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [columns, ...rows].map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

function field(cell: Cell): string {
  if (cell === null || (typeof cell === 'number' && !Number.isFinite(cell))) return '';
  return csvField(String(cell));
}
