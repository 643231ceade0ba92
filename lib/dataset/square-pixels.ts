/** A labelled slice: interleaved 8-bit pixels and label values on one grid. */
export interface LabelledPixels {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  /** Millimetres from row to row and column to column; null = unknown. */
  readonly spacing: readonly [row: number, column: number] | null;
  /** [height, width, channels] */
  readonly image: Uint8Array;
  /** [height, width] */
  readonly mask: Uint8Array;
}

/** Spacings that differ by less than this share count as equal. */
const TOLERANCE = 0.01;

/**
 * The slice with square pixels, as training needs it: it scales both sides by one
 * factor, so a 10 mm x 1.5 mm pixel would squash the anatomy. The finer of the
 * two spacings is kept, so nothing is lost: images are interpolated linearly,
 * masks take the nearest pixel. Slices that are square already, or whose spacing
 * nobody knows, come back as they are.
 */
export function toSquarePixels(slice: LabelledPixels): LabelledPixels {
  if (slice.spacing === null) return slice;
  const [row, column] = slice.spacing;
  const fine = Math.min(row, column);
  if (Math.max(row, column) <= fine * (1 + TOLERANCE)) return slice;
  const height = Math.max(1, Math.round((slice.height * row) / fine));
  const width = Math.max(1, Math.round((slice.width * column) / fine));
  return {
    height,
    width,
    channels: slice.channels,
    // The true spacing of the new grid, whose sides are whole numbers of pixels.
    spacing: [(slice.height * row) / height, (slice.width * column) / width],
    image: resizeLinear(slice.image, slice.height, slice.width, slice.channels, height, width),
    mask: resizeNearest(slice.mask, slice.height, slice.width, height, width),
  };
}

/** Pixel centres on pixel centres, borders repeated. */
function resizeLinear(
  data: Uint8Array,
  height: number,
  width: number,
  channels: number,
  newHeight: number,
  newWidth: number,
): Uint8Array {
  const out = new Uint8Array(newHeight * newWidth * channels);
  const rows = sourcePositions(height, newHeight);
  const columns = sourcePositions(width, newWidth);
  let at = 0;
  for (const [y0, y1, fy] of rows) {
    for (const [x0, x1, fx] of columns) {
      for (let c = 0; c < channels; c++) {
        const value = (y: number, x: number): number => data[(y * width + x) * channels + c] as number;
        const top = value(y0, x0) * (1 - fx) + value(y0, x1) * fx;
        const bottom = value(y1, x0) * (1 - fx) + value(y1, x1) * fx;
        out[at++] = Math.round(top * (1 - fy) + bottom * fy);
      }
    }
  }
  return out;
}

/** For each new pixel the two old ones that its centre lies between, and the share of the second; borders repeated. */
export function sourcePositions(size: number, newSize: number): [low: number, high: number, share: number][] {
  return Array.from({ length: newSize }, (_, index) => {
    const position = Math.min(size - 1, Math.max(0, ((index + 0.5) * size) / newSize - 0.5));
    const low = Math.floor(position);
    return [low, Math.min(size - 1, low + 1), position - low];
  });
}

/** A mask on another grid: the nearest pixel, centres on centres. */
export function resizeNearest(
  data: Uint8Array,
  height: number,
  width: number,
  newHeight: number,
  newWidth: number,
): Uint8Array {
  const out = new Uint8Array(newHeight * newWidth);
  let at = 0;
  for (let y = 0; y < newHeight; y++) {
    const sourceRow = Math.min(height - 1, Math.floor(((y + 0.5) * height) / newHeight)) * width;
    for (let x = 0; x < newWidth; x++) {
      out[at++] = data[sourceRow + Math.min(width - 1, Math.floor(((x + 0.5) * width) / newWidth))] as number;
    }
  }
  return out;
}
