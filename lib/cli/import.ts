import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import type { ImportSettings } from '../dataset/import-plan.js';
import type { ImportProgress } from '../dataset/import-progress.js';
import { LAYOUTS } from '../dataset/layouts/layout-options.js';
import { SLICE_POLICIES, type SlicePolicy } from '../dataset/slicing.js';
import { SPLIT_RULES, type SplitRule } from '../dataset/split.js';
import type { Axis, IntensityWindow } from '../image/index.js';
import { parseOrientation } from '../image/orientation.js';
import { define } from './context.js';
import { describeImport, describeReport } from './import-report.js';
import { readLabelFile } from './label-file.js';
import {
  axes,
  decimal,
  integer,
  intensityWindow,
  labelNames,
  pattern,
  validateEvery,
  WINDOW_NAMES,
} from './parsers.js';
import { duration } from './progress.js';
import type { Shell } from './shell.js';
import { UsageError } from './usage-error.js';

interface ImportFlags {
  layout: string;
  in: string;
  out: string;
  policy: SlicePolicy;
  axes: Axis[];
  minArea: number;
  split: SplitRule;
  valEvery: number;
  testShare: number;
  seed: number;
  datasetName?: string;
  channel: number | string;
  window?: IntensityWindow | 'auto';
  labels?: Map<number, string>;
  subject?: RegExp;
  square: boolean;
  limit?: number;
  force?: boolean;
  orient: string;
  modality?: string;
  annotator?: string;
  suffix?: string;
  workers: number;
  verify?: boolean;
  preview?: boolean;
  resume?: boolean;
}

export function registerImport(program: Command, shell: Shell): void {
  const command = program
    .command('import')
    .description('turn a labelled dataset into a slice store for training')
    .requiredOption(
      '--layout <name>',
      `how the dataset lies on disk: ${LAYOUTS.join(', ')}`,
      oneOf('--layout', LAYOUTS),
    )
    .requiredOption('--in <dir>', 'the dataset (layout csv: the list)')
    .requiredOption('--out <store>', 'the folder to write')
    .option('--verify', 'check every case and write fingerprint.json into --out, but no store')
    .option('--preview', 'also write preview.png, a sheet of examples with their masks')
    .option('--resume', 'go on with an import that was stopped')
    .option(
      '--policy <name>',
      `which slices of a volume: ${SLICE_POLICIES.join(', ')}`,
      oneOf('--policy', SLICE_POLICIES),
      'mid-object',
    )
    .option('--axes <list>', 'axes to cut along, for example 2 or 0,1,2', axes, [0, 1, 2])
    .option('--min-area <pixels>', 'smallest label area that counts on a slice', integer('--min-area', 1), 10)
    .option(
      '--split <rule>',
      `who is for testing: ${SPLIT_RULES.join(', ')}`,
      oneOf('--split', SPLIT_RULES),
      'every-third-test',
    )
    .option(
      '--val-every <n>',
      'every n-th training subject is for validation: 0 = none, or from 2',
      validateEvery,
      5,
    )
    .option(
      '--test-share <share>',
      'share for testing with --split random',
      decimal('--test-share', 0, 1),
      1 / 3,
    )
    .option('--seed <n>', 'seed of --split random', integer('--seed', 0), 0)
    .option('--dataset-name <name>', "the dataset's name in the store (default: the folder's name)")
    .option('--channel <n|name|all>', 'which image channel of several, by number or name', channel, 0)
    .option(
      '--window <lo,hi|preset>',
      `grey values that become black and white: LO,HI, percentile, a CT window (${WINDOW_NAMES}), or auto (default): soft tissue for CT in Hounsfield units, else percentiles of each volume`,
      window,
    )
    .option(
      '--labels <value=name,...|file>',
      'names of label values, or what the greys of mask pictures mean; a file may list them (JSON, TSV, a colour table)',
      labels,
    )
    .option('--subject <regex>', 'the first group of this pattern on a case id is its subject', pattern)
    .option(
      '--orient <axes>',
      'turn volumes so that their axes point this way, for example RAS',
      orientation,
      'source',
    )
    .option('--modality <name>', 'modality of images whose layout names none, for example CT')
    .option('--annotator <name>', 'whose masks (layout stare: ah or vk)')
    .option(
      '--suffix <list>',
      'which images, in the order of the channels (layout bids), for example T1w,FLAIR',
    )
    .option(
      '--workers <n>',
      'threads that read cases; 0 reads in the main one',
      integer('--workers', 0, 64),
      defaultWorkers(),
    )
    .option('--no-square', 'keep slices with unequal spacings as they are')
    .option('--limit <n>', 'only the first n cases', integer('--limit', 1))
    .option('--force', 'replace a store that is there already');
  define<ImportFlags>(
    command,
    shell,
    'gmiseg import --layout nnunet --in Dataset001_Heart --out stores/heart --policy mid-object',
    async (flags, { json, progress, signal, commandLine, print, warn, fail }) => {
      const settings: ImportSettings = {
        layout: flags.layout,
        source: flags.in,
        policy: flags.policy,
        axes: flags.axes,
        minArea: flags.minArea,
        split: { rule: flags.split, valEvery: flags.valEvery, testShare: flags.testShare, seed: flags.seed },
        channel: flags.channel,
        square: flags.square,
        orientation: flags.orient,
        workers: flags.workers,
        ...(flags.datasetName === undefined ? {} : { datasetName: flags.datasetName }),
        ...(flags.window === undefined ? {} : { window: flags.window }),
        ...(flags.labels === undefined ? {} : { labels: flags.labels }),
        ...(flags.subject === undefined ? {} : { subject: flags.subject }),
        ...(flags.limit === undefined ? {} : { limit: flags.limit }),
        ...(flags.modality === undefined ? {} : { modality: flags.modality }),
        ...(flags.annotator === undefined ? {} : { annotator: flags.annotator }),
        ...(flags.suffix === undefined
          ? {}
          : { suffixes: flags.suffix.split(',').map((name) => name.trim()) }),
      };
      const common = {
        ...settings,
        out: flags.out,
        preview: flags.preview === true,
        signal,
        onProgress: ({ done, total, caseId, slices, rate, secondsLeft }: ImportProgress) => {
          const left = secondsLeft === null ? '' : `${rate.toFixed(1)} MB/s, ${duration(secondsLeft)} left, `;
          const label = flags.verify === true ? 'verify' : 'import';
          progress.advance(label, total, done, `${left}${slices} slices, ${caseId}`);
        },
      };
      if (flags.verify === true) {
        const { verifyDataset } = await import('../dataset/verify-dataset.js');
        const report = await verifyDataset(common);
        progress.stop();
        print(report, json ? '' : describeReport(report));
        if (!report.ok) fail();
        return;
      }
      const { importDataset } = await import('../dataset/import-dataset.js');
      const summary = await importDataset({
        ...common,
        overwrite: flags.force === true,
        resume: flags.resume === true,
        commandLine,
      });
      progress.stop();
      for (const warning of summary.warnings) warn(warning);
      print(summary, json ? '' : describeImport(summary));
    },
  );
}

/**
 * Files are unpacked beside the main thread anyway, so a small or busy machine gains nothing from more threads: half
 * of the cores, at most 4, from 4 cores on.
 */
function defaultWorkers(): number {
  const cores = availableParallelism();
  return cores < 4 ? 0 : Math.min(4, Math.floor(cores / 2));
}

function oneOf(flag: string, names: readonly string[]): (text: string) => string {
  return (text) => {
    if (!names.includes(text)) throw new UsageError(`${flag} ${text}: use one of ${names.join(', ')}.`);
    return text;
  };
}

function channel(text: string): number | string {
  return /^-?\d/.test(text) ? integer('--channel', 0)(text) : text;
}

function labels(text: string): Map<number, string> {
  return text.includes('=') ? labelNames(text) : readLabelFile(text);
}

function window(text: string): IntensityWindow | 'auto' {
  return text === 'auto' ? text : intensityWindow(text);
}

function orientation(text: string): string {
  if (text === 'source') return text;
  try {
    return parseOrientation(text);
  } catch (error) {
    throw new UsageError(`--orient ${text}: ${(error as Error).message}, or source.`);
  }
}
