import path from 'node:path';
import type { Command } from 'commander';
import { LAYOUTS } from '../dataset/layouts/layout-options.js';
import { SLICE_POLICIES, type SlicePolicy } from '../dataset/slicing.js';
import { SPLIT_RULES, type SplitRule } from '../dataset/split.js';
import type { Axis, IntensityWindow } from '../image/index.js';
import { define } from './context.js';
import { axes, decimal, integer, intensityWindow, labelNames, pattern } from './parsers.js';
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
  channel: number | 'all';
  window?: IntensityWindow;
  labels?: Map<number, string>;
  subject?: RegExp;
  square: boolean;
  limit?: number;
  force?: boolean;
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
    .requiredOption('--in <dir>', 'the dataset')
    .requiredOption('--out <store>', 'the folder to write')
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
      'every n-th training subject is for validation; 0 = none',
      integer('--val-every', 0),
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
    .option('--channel <n|all>', 'which image channel of several', channel, 0)
    .option(
      '--window <lo,hi|preset>',
      'grey values that become black and white: LO,HI or a CT preset such as abdomen (default: percentiles of each volume)',
      intensityWindow,
    )
    .option('--labels <grey=name,...>', 'what the greys of the masks mean (layout folders)', labelNames)
    .option('--subject <regex>', 'the first group of this pattern on a case id is its subject', pattern)
    .option('--no-square', 'keep slices with unequal spacings as they are')
    .option('--limit <n>', 'only the first n cases', integer('--limit', 1))
    .option('--force', 'replace a store that is there already');
  define<ImportFlags>(
    command,
    shell,
    'gmiseg import --layout nnunet --in Dataset001_Heart --out stores/heart --policy mid-object',
    async (flags, { progress, signal, commandLine, print, warn }) => {
      const { importDataset } = await import('../dataset/import-dataset.js');
      const summary = await importDataset({
        layout: flags.layout,
        source: flags.in,
        out: flags.out,
        policy: flags.policy,
        axes: flags.axes,
        minArea: flags.minArea,
        split: { rule: flags.split, valEvery: flags.valEvery, testShare: flags.testShare, seed: flags.seed },
        datasetName: flags.datasetName ?? path.basename(path.resolve(flags.in)),
        channel: flags.channel,
        square: flags.square,
        overwrite: flags.force === true,
        commandLine,
        signal,
        ...(flags.window === undefined ? {} : { window: flags.window }),
        ...(flags.labels === undefined ? {} : { labels: flags.labels }),
        ...(flags.subject === undefined ? {} : { subject: flags.subject }),
        ...(flags.limit === undefined ? {} : { limit: flags.limit }),
        onProgress: ({ done, total, caseId, slices }) => {
          if (done === 0) progress.start('import', total);
          progress.update(done, `${slices} slices, ${caseId}`);
        },
      });
      progress.stop();
      for (const warning of summary.warnings) warn(warning);
      const sides = Object.entries(summary.splits)
        .map(([name, { subjects, slices }]) => `  ${name.padEnd(5)} ${slices} slices of ${subjects} subjects`)
        .join('\n');
      const labels = summary.labels
        .map(({ name, value, slices }) => `  ${value} ${name}: ${slices} slices`)
        .join('\n');
      print(
        summary,
        `${summary.store}: ${summary.slices} slices of ${summary.cases} cases (dataset "${summary.dataset}")\n${sides}\nlabels\n${labels}\nNext: gmiseg train --data ${summary.store} --out runs/first`,
      );
    },
  );
}

function oneOf(flag: string, names: readonly string[]): (text: string) => string {
  return (text) => {
    if (!names.includes(text)) throw new UsageError(`${flag} ${text}: use one of ${names.join(', ')}.`);
    return text;
  };
}

function channel(text: string): number | 'all' {
  return text === 'all' ? 'all' : integer('--channel', 0)(text);
}
