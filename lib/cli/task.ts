import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Segmenter } from '../segmenter.js';
import type { Task, TaskInfo } from '../task.js';
import { writeFileAtomically } from '../write-file.js';
import { type CommandContext, define } from './context.js';
import { addCacheOption, addModelOptions, dtype, loadSegmenter, type RuntimeFlags } from './model-options.js';
import { type ModelFlags, resolveModel } from './resolve-model.js';
import type { Shell } from './shell.js';
import { readSupport } from './support-folder.js';
import { addExampleOptions, addFitOptions, type TaskFlags, taskOptions } from './task-flags.js';
import { infoText, reportText } from './task-table.js';
import { UsageError } from './usage-error.js';

interface Flags extends TaskFlags, ModelFlags, RuntimeFlags {
  support?: string;
  task?: string;
  out?: string;
  report?: string;
  withExamples?: boolean;
  dtype?: 'float32' | 'bfloat16';
}

export function registerTask(program: Command, shell: Shell): void {
  const task = program.command('task').description('define a task by examples, check it, look at it');
  const support = 'a folder with images/ and masks/ of the same base names, or an nnU-Net raw folder';
  const ofModel = (command: Command): Command =>
    addCacheOption(addModelOptions(command)).option('--dtype <type>', 'float32 or bfloat16', dtype);

  define<Flags>(
    ofModel(
      addExampleOptions(
        addFitOptions(
          task
            .command('define')
            .description('make a task file from examples')
            .requiredOption('--support <dir>', support)
            .requiredOption('--out <file>', 'the task file')
            .option(
              '--with-examples',
              'keep pictures and masks in the file, so that it can be checked later',
            ),
        ),
      ),
    ),
    shell,
    'gmiseg task define --support examples/ --out nuclei.gmtask',
    runDefine,
  );
  define<Flags>(
    ofModel(
      addExampleOptions(
        addFitOptions(
          task
            .command('check')
            .description('predict each example from the others: what to expect, what does not fit')
            .option('--support <dir>', support)
            .option('--task <file>', 'a task file that keeps its examples')
            .option('--report <file>', 'also write the report as JSON'),
        ),
      ),
    ),
    shell,
    'gmiseg task check --support examples/ --report report.json',
    runCheck,
  );
  define<object>(
    task.command('info').description('what a task file holds; no model is loaded').argument('<file>'),
    shell,
    'gmiseg task info nuclei.gmtask',
    runInfo,
  );
}

async function runDefine(flags: Flags, context: CommandContext): Promise<void> {
  const out = flags.out as string;
  await withTask(flags, context, async (task) => {
    await task.save(out, { withExamples: flags.withExamples ?? false, signal: context.signal });
    const { size } = await stat(out);
    context.print(
      { out, bytes: size, ...task.info },
      `${infoText(task.info)}\n-> ${out} (${Math.ceil(size / 1024)} KiB)`,
    );
  });
}

async function runCheck(flags: Flags, context: CommandContext): Promise<void> {
  if ((flags.support === undefined) === (flags.task === undefined)) {
    throw new UsageError('Name what to check: --support DIR or --task FILE, one of them.');
  }
  await withTask(flags, context, async (task) => {
    const { progress, signal } = context;
    progress.start('check', 100);
    const report = await task.check({
      signal,
      onProgress: ({ stage, fraction }) => {
        if (stage === 'check') progress.update(Math.round(100 * fraction));
      },
    });
    progress.stop();
    if (flags.report !== undefined) {
      await writeFileAtomically(flags.report, `${JSON.stringify(report, null, 2)}\n`);
    }
    context.print(report, reportText(report));
  });
}

async function runInfo(_flags: object, context: CommandContext, args: string[]): Promise<void> {
  const [file] = args as [string];
  const { readTaskMeta } = await import('../task/task-file.js');
  const { describeWarning } = await import('../task/example.js');
  const { answersOf, describeRecipe } = await import('../task/recipe.js');
  const meta = await readTaskMeta(file);
  const recipeText = (recipe: unknown): string => describeRecipe(recipe as never);
  const info = {
    labels: meta.labels,
    examples: meta.examples.map(({ name }) => name),
    hasExamples: meta.withExamples,
    axes: meta.axes,
    window: meta.settings.window as TaskInfo['window'],
    created: meta.created,
    warnings: meta.warnings.map(describeWarning),
    choices: meta.sections.flatMap(({ axis, labels }) =>
      labels.map(({ value, recipe, trials }) => ({
        label: value,
        axis,
        recipe: recipeText(recipe),
        answers: answersOf(recipe as never),
        trials: trials.map((trial) => ({ ...trial, recipe: recipeText(trial.recipe) })),
      })),
    ),
  };
  const { model, gmiseg, settings } = meta;
  const adapter = model.adapter === null ? '' : `, ${model.adapter} adapter`;
  context.print(
    { path: file, ...info, model, gmiseg, settings },
    [
      infoText(info),
      ...info.warnings.map((warning) => `note       ${warning}`),
      `model      ${model.variant}, ${model.imageSize} pixels${adapter}, sha256 ${model.sha256 ?? 'unknown (random weights)'}`,
      `by         gmiseg ${gmiseg}`,
    ].join('\n'),
  );
}

/** The task that --task or --support means, with a model for it, as long as `use` takes. */
async function withTask(
  flags: Flags,
  context: CommandContext,
  use: (task: Task, segmenter: Segmenter) => Promise<void>,
): Promise<void> {
  const support = flags.support === undefined ? null : await readSupport(flags.support);
  for (const warning of support?.warnings ?? []) context.warn(warning);
  const segmenter = await loadSegmenter(await resolveModel(flags), flags, context);
  try {
    const task = await openTask(segmenter, flags, support, context);
    await use(task, segmenter);
  } finally {
    await segmenter.close();
  }
}

/** Loads --task, or defines a task by --support. */
export async function openTask(
  segmenter: Segmenter,
  flags: TaskFlags & { readonly task?: string },
  support: Awaited<ReturnType<typeof readSupport>> | null,
  { progress, signal, warn }: Pick<CommandContext, 'progress' | 'signal' | 'warn'>,
): Promise<Task> {
  // Whoever defined a task was told what is odd about its examples.
  if (support === null) return await segmenter.loadTask(flags.task as string, { signal });
  progress.start('define', 100);
  const task = await segmenter.defineTask(support.examples, {
    ...taskOptions(flags, support),
    signal,
    onProgress: ({ stage, fraction }) => progress.update(Math.round(100 * fraction), stage),
  });
  progress.stop();
  for (const warning of task.info.warnings) warn(warning);
  return task;
}
