import { GmisegError } from '../errors.js';
import { Canvas, type Colour, fitText, textHeight } from './canvas.js';
import { encodePicture, type OverlayOptions, renderOverlay, writePicture } from './overlay.js';

export interface ContactSheetOptions {
  /** Pictures in a row; about as many as rows when left out. */
  readonly columns?: number;
  /** A line above the pictures. */
  readonly title?: string;
  /** Longest side of each picture in pixels; 256 when left out. */
  readonly cellSize?: number;
}

const INK: Colour = [240, 240, 240];
const PAPER: Colour = [12, 12, 14];
const MARGIN = 10;
const TITLE_SCALE = 2;

/**
 * Writes several overlays as one PNG: a grid of pictures with their captions, row by row.
 * @throws GmisegError ERR_INVALID_ARG where there is no picture, ERR_SHAPE, ERR_IO
 */
export async function contactSheet(
  path: string,
  items: readonly OverlayOptions[],
  options: ContactSheetOptions = {},
): Promise<void> {
  await writePicture(path, await drawSheet(items, options));
}

/**
 * The same as the bytes of a PNG.
 * @throws GmisegError ERR_INVALID_ARG where there is no picture, ERR_SHAPE
 */
export async function encodeSheet(
  items: readonly OverlayOptions[],
  options: ContactSheetOptions = {},
): Promise<Uint8Array> {
  return await encodePicture(await drawSheet(items, options));
}

async function drawSheet(
  items: readonly OverlayOptions[],
  { columns, title, cellSize = 256 }: ContactSheetOptions,
): Promise<Canvas> {
  if (items.length === 0)
    throw new GmisegError('ERR_INVALID_ARG', 'a contact sheet needs at least one picture');
  if (columns !== undefined && !(Number.isInteger(columns) && columns > 0))
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `the columns of a contact sheet are a positive number, not ${columns}`,
    );
  const pictures: Canvas[] = [];
  for (const item of items)
    pictures.push(await renderOverlay({ ...item, minSize: cellSize, maxSize: cellSize }));
  const across = Math.min(items.length, columns ?? Math.ceil(Math.sqrt(items.length)));
  const down = Math.ceil(items.length / across);
  const cellWidth = Math.max(...pictures.map(({ width }) => width));
  const cellHeight = Math.max(...pictures.map(({ height }) => height));
  const head = title === undefined ? MARGIN : textHeight(TITLE_SCALE) + 2 * MARGIN;
  const sheet = new Canvas(
    across * (cellWidth + MARGIN) + MARGIN,
    head + down * (cellHeight + MARGIN),
    PAPER,
  );
  if (title !== undefined)
    sheet.text(MARGIN, MARGIN, fitText(title, sheet.width - 2 * MARGIN, TITLE_SCALE), INK, TITLE_SCALE);
  pictures.forEach((picture, i) => {
    const x = MARGIN + (i % across) * (cellWidth + MARGIN) + Math.floor((cellWidth - picture.width) / 2);
    const y = head + Math.floor(i / across) * (cellHeight + MARGIN);
    sheet.draw(picture, x, y);
  });
  return sheet;
}
