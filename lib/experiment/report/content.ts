import type { TopLevelSpec } from 'vega-lite';
import type { Comparison } from '../comparisons.js';

/** A cell: text, or a number that CSV gets in full. */
export type Cell = string | number | null;

/** A table of a report, and a CSV file. */
export interface TableSection {
  readonly kind: 'table';
  /** The CSV file's base name. */
  readonly name: string;
  readonly title: string;
  readonly note?: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly TableCell[])[];
}

/** A column's title; `parts`: further columns of its CSV file, `TITLE PART`, for what cells have in `parts`. */
export type Column = string | { readonly title: string; readonly parts: readonly string[] };

/** What people read, and the value behind it where that says more. */
export type TableCell =
  | Cell
  | {
      readonly text: string;
      readonly value: Cell;
      readonly parts?: readonly Cell[];
      readonly strong?: boolean;
    };

/** A chart: Vega-Lite without its data, which are `rows` and a CSV file. */
export interface ChartSection {
  readonly kind: 'chart';
  readonly name: string;
  readonly title: string;
  readonly note?: string;
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  readonly spec: Omit<TopLevelSpec, 'data' | '$schema'>;
}

/** Pictures with predictions. */
export interface SheetSection {
  readonly kind: 'sheet';
  readonly name: string;
  readonly title: string;
  readonly note?: string;
  readonly png: Uint8Array;
}

export type Section = TableSection | ChartSection | SheetSection;

/** What a report shows; where it comes from is added to it. */
export interface ReportContent {
  /** What was done and how to read it, in a few sentences. */
  readonly lead: string;
  readonly sections: readonly Section[];
  /** Go into comparisons.csv. */
  readonly comparisons?: readonly Comparison[];
}
