import { tightBox } from '../dataset/prompts-from-mask.js';
import { GmisegError } from '../errors.js';
import { evenly } from '../evenly.js';
import {
  type Axis,
  contactSheet,
  displayFlips,
  emptyMaskLike,
  isVolumePath,
  type LabelMap2D,
  type LabelVolume,
  labelArray,
  labelsOnGrid,
  type OverlayOptions,
  putSlice,
  readImage,
  readLabelVolume,
  readMask,
  readVolume,
  takeMaskSlice,
  takeSlice,
  toUint8,
  type Uint8Image,
  type Volume,
  writeMask,
  writeOverlay,
} from '../image/index.js';
import type { Segmenter } from '../segmenter.js';
import type { BoxArgument, PointArgument } from './parsers.js';
import type { PredictFlags } from './predict-flags.js';
import { labelMapOf, type ObjectPrompt, type ObjectResult, predictSlice } from './predict-slice.js';
import { objectsOf, type PromptFile } from './prompt-plan.js';
import type { PromptSource } from './prompt-source.js';
import type { WorkItem } from './result-paths.js';
import { UsageError } from './usage-error.js';

/** Slices on the picture that --overlay makes of a volume. */
const SHEET_SLICES = 12;

/** One object on one picture or slice. */
export interface ObjectReport {
  readonly slice: number | null;
  readonly value: number;
  readonly pixels: number;
  readonly score: number;
  readonly stability: number;
}

/** What came of one picture or volume. */
export interface ItemReport {
  readonly image: string;
  readonly out: string;
  readonly overlay: string | null;
  readonly kind: 'picture' | 'volume';
  /** Where the prompts came from: `given`, `prompt file`, or `ground-truth boxes of FILE (label N)`. */
  readonly prompts: string;
  readonly size: readonly number[];
  readonly axis: Axis | null;
  readonly objects: readonly ObjectReport[];
  readonly foreground: number;
  readonly seconds: number;
}

/** Predicts one picture or volume and writes what comes of it. */
export class ItemPredictor {
  constructor(
    private readonly segmenter: Segmenter,
    private readonly flags: PredictFlags & { readonly axis: Axis },
    private readonly prompts: PromptSource,
    private readonly item: WorkItem & { readonly truth: string | null },
    private readonly signal: AbortSignal,
    private readonly tell: (part: number, text: string) => void,
  ) {}

  async run(): Promise<ItemReport> {
    const started = performance.now();
    const { item, flags } = this;
    const { size, objects, foreground } = item.isVolume ? await this.volume() : await this.picture();
    const truth =
      item.truth === null
        ? ''
        : ` of ${item.truth}${flags.label === undefined ? '' : ` (label ${flags.label})`}`;
    return {
      image: item.input,
      out: item.out,
      overlay: flags.overlay === true ? item.overlay : null,
      kind: item.isVolume ? 'volume' : 'picture',
      prompts: this.prompts.kind + truth,
      size,
      axis: item.isVolume ? flags.axis : null,
      objects,
      foreground,
      seconds: (performance.now() - started) / 1000,
    };
  }

  private async picture(): Promise<Pick<ItemReport, 'size' | 'objects' | 'foreground'>> {
    const { item, flags } = this;
    if (flags.slice !== undefined)
      throw new UsageError(`--slice goes with a volume; ${item.input} is a picture.`);
    const image = toUint8(await readImage(item.input), flags.window);
    const truth = item.truth === null ? null : await readMask(item.truth);
    this.fits(image, truth, item.truth);
    const mask = flags.mask === undefined ? null : await readMask(flags.mask);
    this.fits(image, mask, flags.mask ?? null);
    const fromFile = this.prompts.file?.images.get(item.base) ?? null;
    if (this.prompts.file !== null && fromFile === null) {
      throw new UsageError(
        `--prompts has no entry "${item.base}" under "images", which ${item.input} needs.`,
      );
    }
    const objects = this.objectsFor(fromFile, truth, mask);
    if (objects.length === 0) throw new UsageError(`Nothing to segment on ${item.input}: no prompt for it.`);
    const values = new Set(objects.map(({ value }) => value));
    if (values.size > 1) {
      throw new UsageError(
        `${item.truth} holds the labels ${[...values].join(', ')}, but a PNG holds one mask; choose one with --label.`,
      );
    }
    const results = await predictSlice(this.segmenter, image, objects, this.sliceOptions());
    const { width, height } = image;
    const data = labelMapOf(results, width * height);
    await writeMask(item.out, { data, width, height }, { signal: this.signal });
    if (flags.overlay === true) {
      await writeOverlay(item.overlay, {
        ...pictureOf(image, { data, width, height }, objects),
        ...(truth === null ? {} : { truth: onlyLabels(truth, values) }),
        caption: item.base,
      });
    }
    return {
      size: [width, height],
      objects: results.map((one) => report(one, null)),
      foreground: count(data),
    };
  }

  private async volume(): Promise<Pick<ItemReport, 'size' | 'objects' | 'foreground'>> {
    const { item, flags, signal } = this;
    const { axis } = flags;
    const volume = await readVolume(item.input, { signal });
    if (volume.frames / (volume.colour === true ? 3 : 1) !== 1) {
      throw new GmisegError(
        'ERR_IMAGE_FORMAT',
        `${item.input} has ${volume.frames} time points; cut out the one to segment first.`,
      );
    }
    if (flags.slice !== undefined && flags.slice >= volume.shape[axis]) {
      throw new UsageError(
        `--slice ${flags.slice}: ${item.input} has slices 0 to ${volume.shape[axis] - 1} along axis ${axis}.`,
      );
    }
    const truth = item.truth === null ? null : await this.onGrid(item.truth, volume);
    const rough = flags.mask === undefined ? null : await this.onGrid(flags.mask, volume);
    if (this.prompts.file !== null) this.checkSlices(this.prompts.file, volume);
    const target = emptyMaskLike(volume, labelArray(flags.label ?? largest(truth?.data ?? [1])));
    const reports: ObjectReport[] = [];
    const sheet: { index: number; picture: OverlayOptions }[] = [];
    const indices =
      flags.slice === undefined
        ? Array.from({ length: volume.shape[axis] }, (_, index) => index)
        : [flags.slice];
    for (const [done, index] of indices.entries()) {
      signal.throwIfAborted();
      const truthSlice = truth === null ? null : (takeSlice(truth, axis, index) as LabelMap2D);
      const roughSlice = rough === null ? null : takeMaskSlice(rough, axis, index);
      const fromFile = this.prompts.file?.slices.get(index) ?? null;
      const objects =
        this.prompts.file !== null && fromFile === null
          ? []
          : this.objectsFor(fromFile, truthSlice, roughSlice);
      if (objects.length === 0) continue;
      this.tell(done / indices.length, `slice ${index}`);
      const image = toUint8(takeSlice(volume, axis, index), flags.window, { volume });
      const results = await predictSlice(this.segmenter, image, objects, this.sliceOptions());
      const { width, height } = image;
      const map = { data: labelMapOf(results, width * height), width, height };
      putSlice(target, axis, index, map);
      reports.push(...results.map((one) => report(one, index)));
      if (flags.overlay === true) {
        const values = new Set(objects.map(({ value }) => value));
        const picture = {
          ...pictureOf(image, map, objects),
          ...(truthSlice === null ? {} : { truth: onlyLabels(truthSlice, values) }),
          flip: displayFlips(volume, axis),
          caption: `slice ${index}`,
        };
        sheet.push({ index, picture });
      }
    }
    if (reports.length === 0) {
      throw new GmisegError(
        'ERR_INVALID_ARG',
        `Nothing to segment in ${item.input}: no slice has a prompt. Check --axis, --slice and --label.`,
      );
    }
    await writeMask(item.out, target, { like: volume, signal });
    if (flags.overlay === true) {
      const pictures = evenly(sheet, SHEET_SLICES).map(({ picture }) => picture);
      await contactSheet(item.overlay, pictures, { title: `${item.base}, axis ${axis}` });
    }
    return { size: volume.shape, objects: reports, foreground: count(target.data) };
  }

  private sliceOptions(): { multimask: boolean; signal: AbortSignal } {
    return { multimask: this.flags.multimask === true, signal: this.signal };
  }

  /** The objects to predict on one picture or slice, from whichever source the prompts have. */
  private objectsFor(
    fromFile: { points: readonly PointArgument[]; boxes: readonly BoxArgument[] } | null,
    truth: LabelMap2D | null,
    rough: { readonly data: ArrayLike<number> } | null,
  ): ObjectPrompt[] {
    const { flags } = this;
    if (truth !== null) {
      const wanted = flags.label === undefined ? labelsIn(truth) : [flags.label];
      return wanted.flatMap((value) => {
        const box = tightBox(truth, value);
        return box === null ? [] : [{ box, value }];
      });
    }
    if (fromFile !== null) return objectsOf(fromFile).map((object) => ({ ...object, value: 1 }));
    const objects = objectsOf({ points: flags.point ?? [], boxes: flags.box ?? [] });
    if (rough === null) return objects.map((object) => ({ ...object, value: 1 }));
    const mask = Uint8Array.from(rough.data, (value) => (value === 0 ? 0 : 1));
    if (!mask.includes(1)) return [];
    return [{ ...objects[0], mask, value: 1 }];
  }

  private fits(image: Uint8Image, mask: { width: number; height: number } | null, file: string | null): void {
    if (mask === null || (mask.width === image.width && mask.height === image.height)) return;
    throw new GmisegError(
      'ERR_SHAPE',
      `${file} is ${mask.width} x ${mask.height}, but ${this.item.input} ${image.width} x ${image.height}; both must have one size.`,
    );
  }

  /** Labels on the volume's grid, turned where they are stored in another orientation. */
  private async onGrid(file: string, volume: Volume): Promise<LabelVolume> {
    if (!(await isVolumePath(file))) {
      throw new UsageError(
        `${file} is a picture, but ${this.item.input} a volume; give a NIfTI mask on its grid.`,
      );
    }
    const labels = labelsOnGrid(await readLabelVolume(file, { signal: this.signal }), volume);
    if (labels.shape.join() !== volume.shape.join()) {
      throw new GmisegError(
        'ERR_SHAPE',
        `${file} is ${labels.shape.join(' x ')}, but ${this.item.input} ${volume.shape.join(' x ')}; both must be on one grid.`,
      );
    }
    return labels;
  }

  private checkSlices({ slices }: PromptFile, volume: Volume): void {
    const last = volume.shape[this.flags.axis] - 1;
    const wrong = [...slices.keys()].find((index) => index > last);
    if (wrong !== undefined) {
      throw new UsageError(
        `--prompts names slice ${wrong}; ${this.item.input} has 0 to ${last} along axis ${this.flags.axis}.`,
      );
    }
  }
}

function labelsIn({ data }: LabelMap2D): number[] {
  const values = new Set<number>(data);
  values.delete(0);
  return [...values].sort((a, b) => a - b);
}

function onlyLabels({ data, width, height }: LabelMap2D, values: ReadonlySet<number>): LabelMap2D {
  return { data: data.map((value) => (values.has(value) ? value : 0)), width, height };
}

function pictureOf(image: Uint8Image, mask: LabelMap2D, objects: readonly ObjectPrompt[]): OverlayOptions {
  return {
    image,
    mask,
    points: objects.flatMap(({ points }) => points ?? []).map(({ x, y, label = 1 }) => ({ x, y, label })),
    boxes: objects.flatMap(({ box }) => (box === undefined ? [] : [box])),
  };
}

function report({ value, pixels, score, stability }: ObjectResult, slice: number | null): ObjectReport {
  return { slice, value, pixels, score, stability };
}

function largest(data: ArrayLike<number>): number {
  let most = 0;
  for (let at = 0; at < data.length; at++) most = Math.max(most, data[at] as number);
  return most;
}

function count(data: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < data.length; at++) if (data[at] !== 0) sum += 1;
  return sum;
}
