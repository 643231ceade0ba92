import path from 'node:path';
import { contactSheet, flipsOf, type OverlayOptions } from '../image/index.js';
import type { DatasetCase } from './case.js';
import type { PreparedCase, PreparedSlice } from './prepare-case.js';

/** Pictures on a sheet. */
const CELLS = 12;

/** Picks cases spread over a dataset and writes one slice of each as a contact sheet. */
export class PreviewSheet {
  private readonly wanted: ReadonlySet<string>;
  private readonly slices: PreparedSlice[] = [];

  constructor(
    cases: readonly DatasetCase[],
    private readonly cells = CELLS,
  ) {
    const count = Math.min(cells, cases.length);
    this.wanted = new Set(
      Array.from({ length: count }, (_, i) => cases[Math.floor((i * cases.length) / count)]!.id),
    );
  }

  add({ id, preview }: PreparedCase): void {
    if (preview !== null && this.wanted.has(id)) this.slices.push(preview);
  }

  /** Writes `preview.png` into the folder; null where no case has a slice to show. */
  async write(folder: string, dataset: string, names: ReadonlyMap<number, string>): Promise<string | null> {
    if (this.slices.length === 0) return null;
    const file = path.join(folder, 'preview.png');
    const columns = Math.min(4, this.slices.length);
    const list = [...names].map(([value, name]) => `${value} ${name}`).join(', ');
    await contactSheet(file, this.slices.slice(0, this.cells).map(cell), {
      columns,
      cellSize: this.slices.length > 2 ? 256 : 640,
      title: `${dataset}: ${list}`,
    });
    return file;
  }
}

function cell(slice: PreparedSlice): OverlayOptions {
  const { width, height, channels, image, mask, spacing, axis, index, orientation } = slice;
  return {
    image: { data: image, width, height, channels, ...(spacing === null ? {} : { spacing }) },
    mask: { data: mask, width, height },
    caption: orientation === undefined ? (slice.case ?? '') : `${slice.case} axis ${axis} #${index}`,
    flip: orientation === undefined ? { x: false, y: false } : flipsOf(orientation, axis),
  };
}
