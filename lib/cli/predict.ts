import { mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { tightBox } from '../dataset/prompts-from-mask.js';
import { GmisegError } from '../errors.js';
import {
  type Axis,
  contactSheet,
  displayFlips,
  emptyMaskLike,
  type IntensityWindow,
  isVolumePath,
  type LabelMap2D,
  type LabelVolume,
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
import type { LoadOptions } from '../load-options.js';
import type { Segmenter } from '../segmenter.js';
import { type CommandContext, define } from './context.js';
import { addModelOptions, dtype, loadSegmenter, type RuntimeFlags } from './model-options.js';
import {
  type BoxArgument,
  collectBox,
  collectPoint,
  integer,
  intensityWindow,
  oneAxis,
  type PointArgument,
} from './parsers.js';
import { labelMapOf, type ObjectPrompt, type ObjectResult, predictSlice } from './predict-slice.js';
import { objectsOf, type PromptFile, readPromptFile } from './prompt-plan.js';
import { type ModelFlags, resolveModel } from './resolve-model.js';
import { baseName, planResults, type WorkItem } from './result-paths.js';
import { UsageError } from './usage-error.js';

interface PredictFlags extends ModelFlags, RuntimeFlags {
  image: string;
  out: string;
  point?: PointArgument[];
  box?: BoxArgument[];
  mask?: string;
  prompts?: string;
  boxFrom?: string;
  label?: number;
  support?: string;
  task?: string;
  ensemble?: string;
  axis: Axis;
  slice?: number;
  window?: IntensityWindow;
  multimask?: boolean;
  overlay?: boolean;
  dtype?: NonNullable<LoadOptions['dtype']>;
  seed?: number;
}

/** Slices on the picture that --overlay makes of a volume. */
const SHEET_SLICES = 12;

export function registerPredict(program: Command): void {
  const command = addModelOptions(
    program
      .command('predict')
      .description('segment pictures and volumes from points, boxes or masks')
      .requiredOption('--image <file|dir>', 'a picture, a volume (NIfTI), or a folder of them')
      .requiredOption('--out <file|dir>', 'where the masks go: PNG 0/255 for pictures, NIfTI for volumes')
      .option(
        '--point <x,y[,0|1]>',
        'a click in pixels, 1 = on the object (default), 0 = off it; repeatable',
        collectPoint,
      )
      .option('--box <x0,y0,x1,y1>', 'a box in pixels round one object; repeatable', collectBox)
      .option('--mask <file>', 'a rough mask to start from, as large as the image')
      .option('--prompts <file>', 'JSON with prompts for each slice of a volume or each picture of a folder')
      .option(
        '--box-from <file|dir>',
        'take boxes from ground-truth masks of the same names (for evaluation)',
      )
      .option('--label <n>', 'which label of --box-from', integer('--label', 1, 255))
      .option('--support <dir>', 'not in this version')
      .option('--task <file>', 'not in this version')
      .option('--ensemble <k>', 'not in this version')
      .option('--axis <n>', 'axis to cut a volume along: 0, 1 or 2', oneAxis, 2)
      .option('--slice <n>', 'only this slice of a volume, from 0', integer('--slice', 0))
      .option(
        '--window <lo,hi|preset>',
        'grey values that become black and white (default: percentiles)',
        intensityWindow,
      )
      .option('--multimask', 'let the model make three masks and keep the one that it trusts most')
      .option('--overlay', 'also write NAME_overlay.png: the image with prompts and mask')
      .option('--dtype <type>', 'float32 or bfloat16', dtype)
      .option('--seed <n>', 'seed of random weights', integer('--seed', 0)),
  );
  define<PredictFlags>(
    command,
    'gmiseg predict --image scan.png --box 40,52,180,200 --out masks/ --overlay\ngmiseg predict --image heart.nii.gz --slice 5 --point 88,120 --point 30,30,0 --out heart_mask.nii.gz',
    runPredict,
  );
}

async function runPredict(flags: PredictFlags, context: CommandContext): Promise<void> {
  const { progress, signal, print, json } = context;
  const prompts = await readPrompts(flags);
  const { items, skipped } = await planResults(flags.image, flags.out);
  const work = await Promise.all(
    items.map(async (item) => ({ ...item, truth: await prompts.truthOf(item) })),
  );
  const segmenter = await loadSegmenter(await resolveModel(flags), flags, context);
  try {
    const results: ItemReport[] = [];
    progress.start('predict', items.length);
    for (const [done, item] of work.entries()) {
      signal.throwIfAborted();
      const tell = (part: number, text: string): void => progress.update(done + part, `${item.base} ${text}`);
      await mkdir(path.dirname(path.resolve(item.out)), { recursive: true });
      const predictor = new ItemPredictor(segmenter, flags, prompts, item, signal, tell);
      results.push(await predictor.run());
      progress.update(done + 1, item.base);
    }
    progress.stop();
    if (!json)
      for (const file of skipped) process.stderr.write(`skipped ${file}: neither a picture nor a volume\n`);
    const { variant, device, dtype: type, checkpoint, adapter } = segmenter.info;
    print(
      { model: { variant, device, dtype: type, checkpoint, adapter }, results, skipped },
      results.map(describe).join('\n'),
    );
  } finally {
    await segmenter.close();
  }
}

/** Where prompts come from. */
interface PromptSource {
  readonly kind: string;
  readonly file: PromptFile | null;
  /** The ground truth that belongs to an item, with --box-from. */
  truthOf(item: WorkItem): Promise<string | null>;
}

async function readPrompts(flags: PredictFlags): Promise<PromptSource> {
  for (const name of ['support', 'task', 'ensemble'] as const) {
    if (flags[name] !== undefined) {
      throw new UsageError(
        `--${name} comes with a later version of gmiseg; this one takes --point, --box, --mask, --prompts or --box-from.`,
      );
    }
  }
  const direct = flags.point !== undefined || flags.box !== undefined || flags.mask !== undefined;
  const sources = [direct, flags.prompts !== undefined, flags.boxFrom !== undefined].filter(Boolean).length;
  if (sources === 0) {
    throw new UsageError(
      'Say what to segment: --point x,y, --box x0,y0,x1,y1, --mask FILE, --prompts FILE or --box-from FILE.',
    );
  }
  if (sources > 1)
    throw new UsageError('--point, --box and --mask, --prompts, and --box-from exclude one another.');
  if (flags.label !== undefined && flags.boxFrom === undefined)
    throw new UsageError('--label goes with --box-from.');
  // Checked before the model is loaded: a wrong command line should not cost that time.
  objectsOf({ points: flags.point ?? [], boxes: flags.box ?? [] });
  if (flags.mask !== undefined && (flags.box?.length ?? 0) > 1) {
    throw new UsageError('--mask beside several boxes: which object does it belong to? Give one box.');
  }
  const { boxFrom, prompts } = flags;
  return {
    kind: boxFrom !== undefined ? 'ground-truth boxes' : prompts !== undefined ? 'prompt file' : 'given',
    file: prompts === undefined ? null : await readPromptFile(prompts),
    truthOf: async (item) => (boxFrom === undefined ? null : await findTruth(boxFrom, item)),
  };
}

/** The ground truth of an item: the file itself, or the file of the same name (nnU-Net's _0000 cut off) in a folder. */
async function findTruth(boxFrom: string, { input, base }: WorkItem): Promise<string> {
  const there = await stat(boxFrom).catch(() => null);
  if (there === null) throw new GmisegError('ERR_IMAGE_NOT_FOUND', `--box-from ${boxFrom} does not exist.`);
  if (!there.isDirectory()) return boxFrom;
  const names = [base, base.replace(/_\d{4}$/, '')];
  const found = (await readdir(boxFrom)).find(
    (file) => !file.startsWith('.') && names.includes(baseName(file)),
  );
  if (found === undefined) {
    throw new GmisegError(
      'ERR_IMAGE_NOT_FOUND',
      `--box-from ${boxFrom} holds no mask of the name ${names[1]}, which ${input} needs.`,
    );
  }
  return path.join(boxFrom, found);
}

interface ObjectReport {
  readonly slice: number | null;
  readonly value: number;
  readonly pixels: number;
  readonly score: number;
  readonly stability: number;
}

interface ItemReport {
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
class ItemPredictor {
  constructor(
    private readonly segmenter: Segmenter,
    private readonly flags: PredictFlags,
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
    const truth = item.truth === null ? null : await this.sameGrid(item.truth, volume);
    const rough = flags.mask === undefined ? null : await this.sameGrid(flags.mask, volume);
    if (this.prompts.file !== null) this.checkSlices(this.prompts.file, volume);
    const target = emptyMaskLike(volume);
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

  private async sameGrid(file: string, volume: Volume): Promise<LabelVolume> {
    if (!(await isVolumePath(file))) {
      throw new UsageError(
        `${file} is a picture, but ${this.item.input} a volume; give a NIfTI mask on its grid.`,
      );
    }
    const labels = await readLabelVolume(file, { signal: this.signal });
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

function count(data: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < data.length; at++) if (data[at] !== 0) sum += 1;
  return sum;
}

/** At most `most` of the items, evenly spread, first and last among them. */
function evenly<T>(items: readonly T[], most: number): T[] {
  if (items.length <= most) return [...items];
  return Array.from(
    { length: most },
    (_, at) => items[Math.round((at * (items.length - 1)) / (most - 1))] as T,
  );
}

function describe({ image, out, overlay, objects, foreground, prompts, seconds, kind }: ItemReport): string {
  const scores = objects.map(({ score }) => score);
  const mean = scores.reduce((a, b) => a + b, 0) / scores.length;
  const slices = kind === 'volume' ? ` on ${new Set(objects.map(({ slice }) => slice)).size} slices` : '';
  const what = `${objects.length} ${objects.length === 1 ? 'object' : 'objects'}${slices}, ${foreground} ${kind === 'volume' ? 'voxels' : 'pixels'}`;
  return `${image} -> ${out}: ${what}, expected IoU ${mean.toFixed(2)}, ${seconds.toFixed(1)} s, prompts: ${prompts}${overlay === null ? '' : `\n  picture: ${overlay}`}`;
}
