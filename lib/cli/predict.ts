import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { type CommandContext, define } from './context.js';
import { addCacheOption, addModelOptions, dtype, loadSegmenter } from './model-options.js';
import {
  collectBox,
  collectPoint,
  decimal,
  integer,
  intensityWindow,
  oneAxis,
  WINDOW_HELP,
} from './parsers.js';
import type { PredictFlags } from './predict-flags.js';
import type { ItemReport } from './predict-item.js';
import { readPrompts } from './prompt-source.js';
import { resolveModel } from './resolve-model.js';
import type { Shell } from './shell.js';
import { addFitOptions, oneOf } from './task-flags.js';

export function registerPredict(program: Command, shell: Shell): void {
  const command = addModelOptions(
    program
      .command('predict')
      .description('segment pictures and volumes from examples, points, boxes or masks')
      .requiredOption(
        '--image <file|dir>',
        'a picture, a volume (NIfTI, NRRD, MetaImage, TIFF stack, folder of DICOM files), or a folder of them',
      )
      .requiredOption(
        '--out <file|dir>',
        'where the masks go: .png for pictures, .nii.gz for volumes; a named file may end in .nrrd, .mha or .dcm',
      )
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
      .option(
        '--support <dir>',
        'examples: images/ and masks/ with the same base names, or an nnU-Net raw folder',
      )
      .option('--task <file>', 'a task of gmiseg task define')
      .option('--label <n>', 'which label of --box-from or --support', integer('--label', 1, 2 ** 31 - 1))
      .option(
        '--axis <n>',
        'axis to cut a volume across: 0, 1 or 2 (default: 2; with examples theirs, and of the body)',
        oneAxis,
      )
      .option('--slice <n>', 'only this slice of a volume, from 0', integer('--slice', 0))
      .option('--window <lo,hi|preset>', WINDOW_HELP, intensityWindow)
      .option('--multimask', 'let the model make three masks and keep the one that it trusts most')
      .option('--overlay', 'also write NAME_overlay.png: the image with prompts and mask')
      .option('--dtype <type>', 'float32 or bfloat16', dtype)
      .option('--seed <n>', 'seed of random weights and of the ensemble', integer('--seed', 0)),
  );
  addFitOptions(addCacheOption(command))
    .option('--axes <one|three>', 'with examples: across one axis, or the mean over all three', oneOf('axes'))
    .option('--slices <n>', 'examples that all volumes together give (default: 16)', integer('--slices', 1))
    .option('--neighbours <w>', 'how much neighbouring slices count, 0 to 1', decimal('--neighbours', 0, 1))
    .option('--uncertainty', 'also write NAME_uncertainty: the spread of the ensemble');
  define<PredictFlags>(
    command,
    shell,
    'gmiseg predict --image new/ --support examples/ --out masks/ --overlay\ngmiseg predict --image scan.png --box 40,52,180,200 --out masks/ --overlay\ngmiseg predict --image heart.nii.gz --slice 5 --point 88,120 --point 30,30,0 --out heart_mask.nii.gz',
    runPredict,
  );
}

async function runPredict(given: PredictFlags, context: CommandContext): Promise<void> {
  if (given.support !== undefined || given.task !== undefined) {
    const { runPredictTask } = await import('./predict-task.js');
    return await runPredictTask(given, context);
  }
  const { progress, signal, print, warn } = context;
  const flags = { ...given, axis: given.axis ?? 2 };
  const prompts = await readPrompts(flags);
  // Everything that reads pictures loads late: help and mistakes in the command line need none of it.
  const [{ planResults }, { ItemPredictor }] = await Promise.all([
    import('./result-paths.js'),
    import('./predict-item.js'),
  ]);
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
    for (const file of skipped) warn(`skipped ${file}: neither a picture nor a volume`);
    const { variant, device, dtype: type, checkpoint, adapter } = segmenter.info;
    print(
      { model: { variant, device, dtype: type, checkpoint, adapter }, results, skipped },
      results.map(describe).join('\n'),
    );
  } finally {
    await segmenter.close();
  }
}

function describe({ image, out, overlay, objects, foreground, prompts, seconds, kind }: ItemReport): string {
  const scores = objects.map(({ score }) => score);
  const mean = scores.reduce((a, b) => a + b, 0) / scores.length;
  const slices = kind === 'volume' ? ` on ${new Set(objects.map(({ slice }) => slice)).size} slices` : '';
  const what = `${objects.length} ${objects.length === 1 ? 'object' : 'objects'}${slices}, ${foreground} ${kind === 'volume' ? 'voxels' : 'pixels'}`;
  return `${image} -> ${out}: ${what}, expected IoU ${mean.toFixed(2)}, ${seconds.toFixed(1)} s, prompts: ${prompts}${overlay === null ? '' : `\n  picture: ${overlay}`}`;
}
