import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import type { FoldersEvaluation } from '../evaluation/evaluate-folders.js';
import { packageRoot } from '../package-root.js';
import { writeFileAtomically } from '../write-file.js';
import { type CommandContext, define } from './context.js';
import { describeSummary } from './evaluate-report.js';
import { collect, decimal, integer, pattern } from './parsers.js';
import type { Shell } from './shell.js';
import { UsageError } from './usage-error.js';

interface EvaluateFlags {
  pred: string;
  truth: string;
  against?: string;
  label?: string[];
  out?: string;
  csv?: string;
  spacing?: readonly number[];
  tolerance: number;
  subject?: RegExp;
  subjects?: string;
  ignoreGeometry?: boolean;
  skipMissing?: boolean;
  bootstrap: number;
  seed: number;
}

export function registerEvaluate(program: Command, shell: Shell): void {
  const command = program
    .command('evaluate')
    .description('score predicted masks against true ones: overlap, surface distances, volumes')
    .requiredOption('--pred <dir>', 'the predictions')
    .requiredOption('--truth <dir>', 'the true masks, with the same base names in any formats')
    .option('--against <dir>', 'other predictions of the same cases, to test for differences')
    .option('--label <n>', 'which label; repeatable, or 1,2,3 (default: all that occur)', collect)
    .option('--out <file>', "write everything as JSON, in the manner of nnU-Net's summary.json")
    .option('--csv <file>', 'write a row for each label of each image')
    .option(
      '--spacing <mm,...>',
      "ROW,COLUMN of pictures or I,J,K of volumes in mm (default: the truth's, else pixels)",
      spacing,
    )
    .option(
      '--tolerance <n>',
      'distance up to which surfaces agree for the NSD, in mm or pixels',
      positive('--tolerance'),
      1,
    )
    .option('--subject <regex>', 'the first group of this pattern on a base name is the subject', pattern)
    .option(
      '--subjects <file>',
      'whose image is whose: CSV with the columns case, subject, task, dataset, or JSON {"CASE": "SUBJECT"}',
    )
    .option('--ignore-geometry', 'compare voxel by voxel where prediction and truth differ in affine')
    .option('--skip-missing', 'leave truths without a prediction out')
    .option('--bootstrap <n>', 'samples of subjects for intervals', integer('--bootstrap', 1, 1e6), 1000)
    .option('--seed <n>', 'seed of the bootstrap', integer('--seed', 0), 0);
  define<EvaluateFlags>(
    command,
    shell,
    'gmiseg evaluate --pred masks/ --truth labelsTs/ --label 1 --out summary.json --csv scores.csv',
    runEvaluate,
  );
}

async function runEvaluate(flags: EvaluateFlags, context: CommandContext): Promise<void> {
  const { progress, signal } = context;
  const labels = flags.label?.flatMap((text) => text.split(',').map(integer('--label', 1, 2 ** 31 - 1)));
  for (const [flag, file] of [
    ['--out', flags.out],
    ['--csv', flags.csv],
  ] as const) {
    if (file !== undefined && (await stat(file).catch(() => null))?.isDirectory() === true)
      throw new UsageError(`${flag} ${file} is a folder; name a file.`);
  }
  const { evaluateFolders } = await import('../evaluation/evaluate-folders.js');
  const { readCaseTable } = await import('../evaluation/case-groups.js');
  const { summarize } = await import('../evaluation/summary.js');
  const predictions = [flags.pred, ...(flags.against === undefined ? [] : [flags.against])];
  const evaluation: FoldersEvaluation = await evaluateFolders({
    predictions,
    truth: flags.truth,
    tolerance: flags.tolerance,
    ignoreGeometry: flags.ignoreGeometry === true,
    skipMissing: flags.skipMissing === true,
    ...(labels === undefined ? {} : { labels: [...new Set(labels)] }),
    ...(flags.spacing === undefined ? {} : { spacing: flags.spacing }),
    ...(flags.subject === undefined ? {} : { subject: flags.subject }),
    ...(flags.subjects === undefined ? {} : { groups: await readCaseTable(flags.subjects) }),
    signal,
    onProgress: (done, total, name) => {
      if (done === 0) progress.start('evaluate', total);
      progress.update(done, name);
    },
  });
  progress.stop();
  for (const warning of evaluation.warnings) context.warn(warning);
  const summary = summarize(evaluation, {
    predictions,
    resamples: flags.bootstrap,
    seed: flags.seed,
    provenance: {
      gmiseg: packageRoot().version,
      command: context.commandLine,
      created: new Date().toISOString(),
      predictions: flags.pred,
      truth: flags.truth,
      warnings: evaluation.warnings,
    },
  });
  if (flags.out !== undefined) await writeFileAtomically(flags.out, `${JSON.stringify(summary, null, 2)}\n`);
  if (flags.csv !== undefined) {
    const { scoresCsv } = await import('../evaluation/csv.js');
    await writeFileAtomically(flags.csv, scoresCsv(evaluation.rows.flat()));
  }
  const written = [flags.out, flags.csv].filter((file) => file !== undefined);
  context.print(summary, [describeSummary(summary), ...written.map((file) => `Wrote ${file}`)].join('\n'));
}

function positive(flag: string): (text: string) => number {
  return (text) => {
    const value = decimal(flag, 0)(text);
    if (value === 0) throw new UsageError(`${flag} ${text}: give a number above 0.`);
    return value;
  };
}

function spacing(text: string): number[] {
  const sizes = text.split(',').map(positive('--spacing'));
  if (sizes.length !== 2 && sizes.length !== 3)
    throw new UsageError(`--spacing ${text}: give ROW,COLUMN of pictures or I,J,K of volumes.`);
  return sizes;
}
