/**
 * Columns as wide as their widest cell, two spaces apart: the first to the left, the others to the right.
 * @param lastLeft the last column is to the left too: text, not numbers
 */
export function textTable(
  rows: readonly (readonly string[])[],
  { indent = '', lastLeft = false }: { readonly indent?: string; readonly lastLeft?: boolean } = {},
): string {
  const last = (rows[0]?.length ?? 0) - 1;
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  const left = (at: number): boolean => at === 0 || (lastLeft && at === last);
  return rows
    .map((row) => {
      const cells = row.map((cell, at) => (left(at) ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)));
      return `${indent}${cells.join('  ')}`.trimEnd();
    })
    .join('\n');
}
