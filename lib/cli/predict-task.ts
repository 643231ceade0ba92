import { mkdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { evenly } from '../evenly.js';
import {
  baseName,
  contactSheet,
  displayFlips,
  type IntensityWindow,
  type OverlayOptions,
  readImage,
  takeSlice,
  toUint8,
  writeMask,
  writeOverlay,
  writeVolume,
} from '../image/index.js';
import type { PictureResult, VolumeResult } from '../task/result.js';
import { standardLabels, standardView } from '../task/standard-view.js';
import type { Task } from '../task.js';
import type { CommandContext } from './context.js';
import { loadSegmenter } from './model-options.js';
import type { PredictFlags } from './predict-flags.js';
import { objectsOf } from './prompt-plan.js';
import { resolveModel } from './resolve-model.js';
import { planResults, type WorkItem } from './result-paths.js';
import { readSupport } from './support-folder.js';
import { openTask } from './task.js';
import { FIT_FLAGS } from './task-flags.js';
import { flagOf, UsageError } from './usage-error.js';

const SHEET_SLICES = 12;
/** The largest standard deviation of values between 0 and 1: white on an uncertainty picture. */
const MOST_SPREAD = 0.5;

/** What came of one picture or volume. */
export interface TaskItemReport {
  readonly image: string;
  readonly out: string;
  readonly overlay: string | null;
  readonly uncertainty: string | null;
  readonly kind: 'picture' | 'volume';
  readonly size: readonly number[];
  /** Pixels or voxels of each label. */
  readonly labels: readonly { readonly value: number; readonly name: string; readonly pixels: number }[];
  readonly foreground: number;
  readonly seconds: number;
}

/** Checks the flags before a model is loaded. @throws UsageError */
function checkTaskFlags(flags: PredictFlags): void {
  if (flags.support !== undefined && flags.task !== undefined) {
    throw new UsageError('--support and --task both say what to segment; give one of them.');
  }
  for (const name of ['mask', 'prompts', 'boxFrom', 'slice', 'multimask'] as const) {
    if (flags[name] === undefined) continue;
    throw new UsageError(`${flagOf(name)} does not go with --support and --task; they segment without it.`);
  }
  if (flags.task === undefined) return;
  for (const name of [...FIT_FLAGS, 'label', 'window'] as const) {
    if (flags[name] === undefined) continue;
    throw new UsageError(
      `${flagOf(name)} is settled when a task is defined, and --task ${flags.task} is; give it to gmiseg task define, or use --support.`,
    );
  }
}

/** `gmiseg predict` with --support or --task. */
export async function runPredictTask(flags: PredictFlags, context: CommandContext): Promise<void> {
  const { progress, signal, print, warn } = context;
  checkTaskFlags(flags);
  const clicks = objectsOf({ points: flags.point ?? [], boxes: flags.box ?? [] });
  if (clicks.length > 1)
    throw new UsageError('With --support and --task, clicks and one --box correct the answer.');
  const support = flags.support === undefined ? null : await readSupport(flags.support);
  for (const warning of support?.warnings ?? []) warn(warning);
  const { items, skipped } = await planResults(flags.image, flags.out);
  if (flags.uncertainty === true) await refuseSpreads(items);
  const segmenter = await loadSegmenter(await resolveModel(flags), flags, context);
  try {
    const task = await openTask(segmenter, flags, support, context);
    const predictor = new TaskItemPredictor(task, flags, clicks[0] ?? null, signal);
    if (flags.uncertainty === true && task.info.choices.every(({ answers }) => answers === 1)) {
      warn(
        '--uncertainty is the spread of several answers, and this task gives one: add --ensemble 5 or --flips.',
      );
    }
    const results: TaskItemReport[] = [];
    progress.start('predict', items.length);
    for (const [done, item] of items.entries()) {
      signal.throwIfAborted();
      await mkdir(path.dirname(path.resolve(item.out)), { recursive: true });
      results.push(await predictor.run(item, (part) => progress.update(done + part, item.base)));
      progress.update(done + 1, item.base);
    }
    progress.stop();
    for (const file of skipped) warn(`skipped ${file}: neither a picture nor a volume`);
    const { variant, device, dtype: type, checkpoint, adapter } = segmenter.info;
    print(
      { model: { variant, device, dtype: type, checkpoint, adapter }, task: task.info, results, skipped },
      [
        ...task.info.choices.map(({ label, recipe }) => `label ${label}: ${recipe}`),
        ...results.map(describe),
      ].join('\n'),
    );
  } finally {
    await segmenter.close();
  }
}

/** Predicts single pictures and volumes and writes what comes of them. */
class TaskItemPredictor {
  constructor(
    private readonly task: Task,
    private readonly flags: PredictFlags,
    private readonly clicks: ReturnType<typeof objectsOf>[number] | null,
    private readonly signal: AbortSignal,
  ) {}

  async run(item: WorkItem, tell: (part: number) => void): Promise<TaskItemReport> {
    const started = performance.now();
    const { flags, signal } = this;
    const { axis, axes, neighbours, uncertainty = false } = flags;
    const result = await this.task.predict(item.input, {
      signal,
      returnUncertainty: uncertainty,
      ...(this.clicks === null ? {} : { prompts: this.clicks }),
      ...(axis === undefined ? {} : { axis }),
      ...(axes === undefined ? {} : { axes }),
      ...(neighbours === undefined ? {} : { neighbours }),
      onProgress: ({ stage, fraction }) => {
        if (stage === 'predict') tell(fraction);
      },
    });
    if (result.kind === 'picture') await this.writePicture(item, result);
    else await this.writeVolume(item, result);
    const spread = uncertainty ? await this.writeSpread(item, result) : null;
    const labels = this.task.labels.map(({ value, name }) => ({
      value,
      name,
      pixels: count(result.labels, value),
    }));
    return {
      image: item.input,
      out: item.out,
      overlay: flags.overlay === true ? item.overlay : null,
      uncertainty: spread,
      kind: result.kind,
      size: result.kind === 'picture' ? [result.width, result.height] : result.shape,
      labels,
      foreground: labels.reduce((sum, { pixels }) => sum + pixels, 0),
      seconds: (performance.now() - started) / 1000,
    };
  }

  private async writePicture(item: WorkItem, result: PictureResult): Promise<void> {
    const { width, height } = result;
    const several = result.count > 1;
    const mask = { data: several ? result.labels : result.masks, width, height };
    await writeMask(item.out, mask, { signal: this.signal, values: several ? 'labels' : 'binary' });
    if (this.flags.overlay !== true) return;
    const image = toUint8(await readImage(item.input), this.window());
    const { points = [], box } = this.clicks ?? {};
    await writeOverlay(item.overlay, {
      image,
      mask,
      points,
      boxes: box === undefined ? [] : [box],
      caption: item.base,
    });
  }

  private async writeVolume(item: WorkItem, result: VolumeResult): Promise<void> {
    const { volume, shape, labels: data } = result;
    const names = new Map(this.task.labels.map(({ value, name }) => [value, name]));
    await writeMask(item.out, { data, shape }, { like: volume, labels: names, signal: this.signal });
    if (this.flags.overlay !== true) return;
    const axis = result.axes[0] as 0 | 1 | 2;
    const turned = standardView(volume);
    const { spacing, affine } = turned;
    const map = { ...standardLabels({ data, shape }, volume), frames: 1, spacing, affine };
    const all = Array.from({ length: turned.shape[axis] }, (_, index) => ({
      index,
      mask: takeSlice(map, axis, index),
    }));
    const showing = all.filter(({ mask }) => mask.data.some((value) => value !== 0));
    const pictures = evenly(showing.length > 0 ? showing : all, SHEET_SLICES).map(
      ({ index, mask }): OverlayOptions => ({
        image: toUint8(takeSlice(turned, axis, index), this.window(), { volume: turned }),
        mask: { data: mask.data as Uint8Array, width: mask.width, height: mask.height },
        flip: displayFlips(turned, axis),
        caption: `slice ${index}`,
      }),
    );
    await contactSheet(item.overlay, pictures, { title: `${item.base}, axis ${axis}` });
  }

  /** Overlays show what the model saw, which a task file settles. */
  private window(): IntensityWindow | undefined {
    return this.task.info.window ?? undefined;
  }

  /** The largest spread over the labels: a grey picture, or float32 on the volume's grid. */
  private async writeSpread(item: WorkItem, result: PictureResult | VolumeResult): Promise<string> {
    const file = spreadFile(item);
    const length = result.labels.length;
    const spread = new Float32Array(length);
    for (const [at, value] of (result.uncertainty ?? new Float32Array(0)).entries()) {
      if (value > (spread[at % length] as number)) spread[at % length] = value;
    }
    if (result.kind === 'volume') {
      const { shape, volume } = result;
      await writeVolume(file, { data: spread, shape }, { like: volume, extensions: [], signal: this.signal });
    } else {
      const { width, height } = result;
      const data = Uint8Array.from(spread, (value) => Math.round(255 * Math.min(1, value / MOST_SPREAD)));
      await writeMask(file, { data, width, height }, { values: 'labels', signal: this.signal });
    }
    return file;
  }
}

function spreadFile({ out, isVolume }: WorkItem): string {
  const ending = isVolume ? (/\.nii$/i.test(out) ? '.nii' : '.nii.gz') : '.png';
  return path.join(path.dirname(out), `${baseName(out)}_uncertainty${ending}`);
}

/** As planResults does of masks and overlays. @throws UsageError */
async function refuseSpreads(items: readonly WorkItem[]): Promise<void> {
  const real = async (file: string): Promise<string> => {
    const folder = path.dirname(path.resolve(file));
    return path.join(await realpath(folder).catch(() => folder), path.basename(file));
  };
  const taken = new Map<string, string>();
  for (const { input, out, overlay } of items) {
    for (const file of [input, out, overlay]) taken.set(await real(file), input);
  }
  for (const item of items) {
    const file = spreadFile(item);
    const other = taken.get(await real(file));
    if (other === undefined) continue;
    throw new UsageError(
      `--uncertainty of ${item.input} would be written to ${file}, in the way of ${other}; rename one of them.`,
    );
  }
}

function count(labels: Uint8Array, wanted: number): number {
  let sum = 0;
  for (const value of labels) if (value === wanted) sum += 1;
  return sum;
}

function describe({ image, out, overlay, uncertainty, kind, labels, seconds }: TaskItemReport): string {
  const unit = kind === 'volume' ? 'voxels' : 'pixels';
  const what = labels.map(({ name, pixels }) => `${name} ${pixels}`).join(', ');
  return [
    `${image} -> ${out}: ${what} ${unit}, ${seconds.toFixed(1)} s`,
    ...(overlay === null ? [] : [`  picture: ${overlay}`]),
    ...(uncertainty === null ? [] : [`  uncertainty: ${uncertainty}`]),
  ].join('\n');
}
