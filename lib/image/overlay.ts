import { GmisegError } from '../errors.js';
import { writeAtomically } from './atomic-write.js';
import { Canvas, type Colour, fitText, textHeight, textWidth } from './canvas.js';
import { type IntensityWindow, toUint8 } from './intensity.js';
import { LABEL_COLOURS } from './label-names.js';
import { loadSharp } from './load-sharp.js';
import type { Image2D, LabelMap2D, Mask2D, Volume } from './types.js';

/** A picture for people: an image with its mask, and what it was prompted with. */
export interface OverlayOptions {
  readonly image: Image2D;
  /** Drawn as a translucent area with an outline; several labels in several colours. */
  readonly mask?: Mask2D | LabelMap2D;
  /** A second mask to compare with, drawn as a dashed outline. */
  readonly truth?: Mask2D | LabelMap2D;
  /** Clicks in pixels of the image; label 1 = inside (plus), 0 = outside (minus). */
  readonly points?: readonly { readonly x: number; readonly y: number; readonly label: number }[];
  /** Boxes in pixels of the image: [x0, y0, x1, y1]. */
  readonly boxes?: readonly (readonly [number, number, number, number])[];
  /** A line under the picture. */
  readonly caption?: string;
  /** What the legend calls the masks. */
  readonly names?: { readonly mask?: string; readonly truth?: string };
  readonly window?: IntensityWindow;
  /** The volume the image was cut from, for percentile windows. */
  readonly volume?: Volume;
  /** Mirror for looking, see displayFlips. */
  readonly flip?: { readonly x: boolean; readonly y: boolean };
  /** 'overlay' (the default) or the bare image beside it. */
  readonly panels?: 'overlay' | 'side-by-side';
  /** Longest side of a panel in pixels: smaller images are enlarged, to 512 when left out. */
  readonly minSize?: number;
  /** Longer sides are scaled down, to 1024 when left out. */
  readonly maxSize?: number;
  /** Opacity of the mask's area, 0 to 1; 0.35 when left out. */
  readonly opacity?: number;
}

interface Panel {
  readonly width: number;
  readonly height: number;
  /** Output pixels per source pixel. */
  readonly scaleX: number;
  readonly scaleY: number;
}

const INK: Colour = [240, 240, 240];
const PAPER: Colour = [24, 24, 27];
const BLACK: Colour = [0, 0, 0];
const WHITE: Colour = [255, 255, 255];
const MASK_COLOUR: Colour = LABEL_COLOURS[0]!;
const TRUTH_COLOUR: Colour = LABEL_COLOURS[3]!;
const INSIDE: Colour = LABEL_COLOURS[2]!;
const OUTSIDE: Colour = LABEL_COLOURS[5]!;
const GAP = 8;

/** Panel size: square millimetres where the spacing is known, enlarged or reduced to the wanted range. */
function panelOf(image: Image2D, minSize: number, maxSize: number): Panel {
  const [row, column] = image.spacing ?? [1, 1];
  const finest = Math.min(row, column);
  const usable = finest > 0 && Number.isFinite(row) && Number.isFinite(column);
  const [ux, uy] = usable ? [column / finest, row / finest] : [1, 1];
  const longest = Math.max(image.width * ux, image.height * uy);
  // Whole factors keep pixels equally large.
  let factor = longest < minSize ? Math.max(1, Math.round(minSize / longest)) : 1;
  if (longest * factor > maxSize) factor = maxSize / longest;
  const width = Math.max(1, Math.round(image.width * ux * factor));
  const height = Math.max(1, Math.round(image.height * uy * factor));
  return { width, height, scaleX: width / image.width, scaleY: height / image.height };
}

async function drawImage(options: OverlayOptions, panel: Panel): Promise<Canvas> {
  const { image, volume, flip } = options;
  const { data, width, height, channels } = toUint8(
    image,
    options.window,
    volume === undefined ? {} : { volume },
  );
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const row = flip?.y === true ? height - 1 - y : y;
    for (let x = 0; x < width; x++) {
      const from = (row * width + (flip?.x === true ? width - 1 - x : x)) * channels;
      for (let c = 0; c < 3; c++) rgb[(y * width + x) * 3 + c] = data[from + (channels === 3 ? c : 0)]!;
    }
  }
  const resized = await (await loadSharp())(rgb, { raw: { width, height, channels: 3 } })
    .resize(panel.width, panel.height, { fit: 'fill', kernel: 'cubic' })
    .raw()
    .toBuffer();
  const canvas = new Canvas(panel.width, panel.height);
  canvas.data.set(resized);
  return canvas;
}

/** The label under every output pixel: nearest source pixel, so that outlines show what is really there. */
function spreadLabels(
  mask: Mask2D | LabelMap2D,
  panel: Panel,
  options: OverlayOptions,
): Uint8Array | Uint16Array {
  const { width, height } = options.image;
  if (mask.width !== width || mask.height !== height)
    throw new GmisegError(
      'ERR_SHAPE',
      `the image is ${width} x ${height} and its mask ${mask.width} x ${mask.height}; both must have one size`,
    );
  const out = new (mask.data.constructor as typeof Uint8Array)(panel.width * panel.height);
  for (let y = 0; y < panel.height; y++) {
    const sy = Math.min(height - 1, Math.floor((y + 0.5) / panel.scaleY));
    const row = options.flip?.y === true ? height - 1 - sy : sy;
    for (let x = 0; x < panel.width; x++) {
      const sx = Math.min(width - 1, Math.floor((x + 0.5) / panel.scaleX));
      out[y * panel.width + x] = mask.data[row * width + (options.flip?.x === true ? width - 1 - sx : sx)]!;
    }
  }
  return out;
}

/** Whether a pixel of a label lies within `reach` of another label. */
function onBorder(
  labels: Uint8Array | Uint16Array,
  panel: Panel,
  x: number,
  y: number,
  reach: number,
): boolean {
  const here = labels[y * panel.width + x];
  for (let d = 1; d <= reach; d++) {
    if (x >= d && labels[y * panel.width + x - d] !== here) return true;
    if (x + d < panel.width && labels[y * panel.width + x + d] !== here) return true;
    if (y >= d && labels[(y - d) * panel.width + x] !== here) return true;
    if (y + d < panel.height && labels[(y + d) * panel.width + x] !== here) return true;
  }
  return false;
}

function severalLabels(...masks: (Mask2D | LabelMap2D | undefined)[]): boolean {
  const seen = new Set<number>();
  for (const mask of masks) {
    if (mask === undefined) continue;
    const here = new Set<number>();
    for (const value of mask.data) if (value !== 0) here.add(value);
    if (here.size > 1) return true;
    for (const value of here) seen.add(value);
  }
  return false;
}

function drawMask(
  canvas: Canvas,
  labels: Uint8Array | Uint16Array,
  panel: Panel,
  colourOf: (label: number) => Colour,
  style: { readonly opacity: number; readonly dashed: boolean },
): void {
  const reach = Math.min(panel.scaleX, panel.scaleY) >= 1.5 ? 2 : 1;
  for (let y = 0; y < panel.height; y++) {
    for (let x = 0; x < panel.width; x++) {
      const label = labels[y * panel.width + x]!;
      if (label === 0) continue;
      if (onBorder(labels, panel, x, y, reach)) {
        if (!style.dashed || ((x + y) >> 3) % 2 === 0) canvas.blend(x, y, colourOf(label));
      } else if (style.opacity > 0) canvas.blend(x, y, colourOf(label), style.opacity);
    }
  }
}

function drawPrompts(canvas: Canvas, panel: Panel, options: OverlayOptions): void {
  const { image, flip } = options;
  const placeX = (x: number): number =>
    Math.round(((flip?.x === true ? image.width - 1 - x : x) + 0.5) * panel.scaleX);
  const placeY = (y: number): number =>
    Math.round(((flip?.y === true ? image.height - 1 - y : y) + 0.5) * panel.scaleY);
  for (const [x0, y0, x1, y1] of options.boxes ?? []) {
    const [ax, bx] = [placeX(x0), placeX(x1)];
    const [ay, by] = [placeY(y0), placeY(y1)];
    canvas.dashedRect(Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by), 2, [
      WHITE,
      BLACK,
    ]);
  }
  const radius = Math.max(5, Math.round(Math.min(panel.width, panel.height) / 70));
  const arm = Math.round(radius / 2) + 1;
  for (const { x, y, label } of options.points ?? []) {
    const [cx, cy] = [placeX(x), placeY(y)];
    canvas.disc(cx, cy, radius + 2, WHITE);
    canvas.disc(cx, cy, radius, label === 0 ? OUTSIDE : INSIDE);
    canvas.fillRect(cx - arm, cy - 1, 2 * arm + 1, 2, WHITE);
    if (label !== 0) canvas.fillRect(cx - 1, cy - arm, 2, 2 * arm + 1, WHITE);
  }
}

interface LegendEntry {
  readonly colour: Colour;
  readonly name: string;
}

function legendOf(options: OverlayOptions): LegendEntry[] {
  // Colours of many labels speak for themselves; only two masks of one label need names.
  if (severalLabels(options.mask, options.truth)) return [];
  const entries: LegendEntry[] = [];
  if (options.mask !== undefined) entries.push({ colour: MASK_COLOUR, name: options.names?.mask ?? 'mask' });
  if (options.truth !== undefined)
    entries.push({ colour: TRUTH_COLOUR, name: options.names?.truth ?? 'truth' });
  return entries;
}

/** Puts caption and legend under the panels. */
function addFooter(picture: Canvas, options: OverlayOptions): Canvas {
  const legend = legendOf(options);
  const caption = options.caption ?? '';
  if (caption === '' && legend.length === 0) return picture;
  const scale = picture.width >= 480 ? 2 : 1;
  const line = textHeight(scale) + 6 * scale;
  const swatch = textHeight(scale);
  const legendWidth = legend.reduce(
    (sum, { name }) => sum + swatch + 4 * scale + textWidth(name, scale) + GAP * scale,
    0,
  );
  const oneLine = textWidth(caption, scale) + legendWidth + 3 * GAP <= picture.width;
  const rows = caption !== '' && legend.length > 0 && !oneLine ? 2 : 1;
  const out = new Canvas(picture.width, picture.height + rows * line, PAPER);
  out.draw(picture, 0, 0);
  const top = picture.height + 3 * scale;
  out.text(GAP, top, fitText(caption, picture.width - 2 * GAP, scale), INK, scale);
  let left = rows === 2 || caption === '' ? GAP : picture.width - legendWidth;
  const y = top + (rows - 1) * line;
  for (const { colour, name } of legend) {
    out.fillRect(left, y, swatch, swatch, colour);
    out.text(left + swatch + 4 * scale, y, name, INK, scale);
    left += swatch + 4 * scale + textWidth(name, scale) + GAP * scale;
  }
  return out;
}

/**
 * Draws an image with its masks and prompts; see OverlayOptions.
 * @throws GmisegError ERR_SHAPE where a mask has another size than the image
 */
export async function renderOverlay(options: OverlayOptions): Promise<Canvas> {
  const panel = panelOf(options.image, options.minSize ?? 512, options.maxSize ?? 1024);
  const plain = await drawImage(options, panel);
  const canvas = new Canvas(panel.width, panel.height);
  canvas.data.set(plain.data);
  const { mask, truth } = options;
  const many = severalLabels(mask, truth);
  const colours =
    (single: Colour) =>
    (label: number): Colour =>
      many ? LABEL_COLOURS[(label - 1) % LABEL_COLOURS.length]! : single;
  if (mask !== undefined) {
    const style = { opacity: options.opacity ?? 0.35, dashed: false };
    drawMask(canvas, spreadLabels(mask, panel, options), panel, colours(MASK_COLOUR), style);
  }
  if (truth !== undefined) {
    const style = { opacity: 0, dashed: mask !== undefined };
    drawMask(canvas, spreadLabels(truth, panel, options), panel, colours(TRUTH_COLOUR), style);
  }
  drawPrompts(canvas, panel, options);
  if (options.panels !== 'side-by-side') return addFooter(canvas, options);
  const both = new Canvas(panel.width * 2 + GAP, panel.height, PAPER);
  both.draw(plain, 0, 0);
  both.draw(canvas, panel.width + GAP, 0);
  return addFooter(both, options);
}

/** Writes a drawn picture as PNG, whole or not at all. */
export async function writePicture(path: string, picture: Canvas, signal?: AbortSignal): Promise<void> {
  if (!/\.png$/i.test(path))
    throw new GmisegError('ERR_INVALID_ARG', `${path} must end in .png to hold a picture`, {
      details: { path },
    });
  await writeAtomically(path, [await encodePicture(picture)], signal);
}

/** A drawn picture as the bytes of a PNG. */
export async function encodePicture({ data, width, height }: Canvas): Promise<Uint8Array> {
  return await (await loadSharp())(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/**
 * Writes a PNG of an image with its masks and prompts, for people to look at.
 * @throws GmisegError ERR_INVALID_ARG, ERR_SHAPE, ERR_IO
 */
export async function writeOverlay(path: string, options: OverlayOptions): Promise<void> {
  await writePicture(path, await renderOverlay(options));
}
