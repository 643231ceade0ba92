import { readFileSync } from 'node:fs';
import { UsageError } from './usage-error.js';

/**
 * Names of label values from a file: JSON (`{"1": "liver"}` or nnU-Net's `{"liver": 1}`, also as `labels` of a
 * dataset.json), or lines of a value and a name, as in a BIDS `dseg.tsv` or FreeSurfer's colour table (whose
 * colours are passed over). Values beyond 255 and background are left out.
 */
export function readLabelFile(file: string): Map<number, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--labels ${file}: ${(error as Error).message}`);
  }
  const names = /^\s*\{/.test(text) ? fromJson(text, file) : fromLines(text);
  const usable = [...names].filter(([value]) => Number.isInteger(value) && value >= 1 && value <= 255);
  if (usable.length === 0) throw new UsageError(`--labels ${file}: no line names a value from 1 to 255.`);
  return new Map(usable);
}

function fromJson(text: string, file: string): [number, string][] {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--labels ${file}: ${(error as Error).message}`);
  }
  const table = (typeof json.labels === 'object' && json.labels !== null ? json.labels : json) as object;
  return Object.entries(table).map(([key, value]) =>
    typeof value === 'number' ? [value, key] : [Number(key), String(value)],
  );
}

/** Columns are parted by tabs, commas or, where there are neither, blanks. */
function fromLines(text: string): [number, string][] {
  return text.split(/\r?\n/).flatMap((line): [number, string][] => {
    const [value, name] = line.trim().split(line.includes('\t') ? /\t/ : line.includes(',') ? /,/ : /\s+/);
    if (!/^\d+$/.test(value?.trim() ?? '') || !name) return [];
    return [[Number(value), name.trim().replace(/^"(.*)"$/, '$1')]];
  });
}
