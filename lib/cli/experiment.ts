import { Argument, type Command, Option } from 'commander';
import { EXPERIMENTS, type ExperimentName } from '../experiment/names.js';
import { define } from './context.js';
import { addRuntimeOptions, type RuntimeFlags } from './model-options.js';
import type { Shell } from './shell.js';
import { UsageError } from './usage-error.js';

interface ExperimentFlags extends RuntimeFlags {
  config: string;
  out: string;
  data?: string;
  shard?: { index: number; count: number };
  report?: boolean;
  trainOnly?: boolean;
}

export function registerExperiment(program: Command, shell: Shell): void {
  const command = addRuntimeOptions(
    program
      .command('experiment')
      .description('run an experiment, a table or figure with its report; run it again to go on')
      .addArgument(new Argument('<name>', 'which one').choices(EXPERIMENTS))
      .requiredOption('--config <file|small|gpu|paper>', "a config file, or the package's own for that size")
      .requiredOption('--out <dir>', 'the folder of results, trainings and report.html')
      .option('--data <dir>', 'where the data sets and models of the config lie')
      .option(
        '--shard <i/n>',
        'only every n-th unit from the i-th on; shards may run side by side on one --out',
        shard,
      )
      .option('--report', 'run nothing: write the report of what is there')
      .addOption(
        new Option(
          '--train-only',
          'do the trainings that tasks share, where the GPU is; with the folder "trainings" the rest runs anywhere',
        ).conflicts('report'),
      ),
  );
  define<ExperimentFlags>(
    command,
    shell,
    'gmiseg experiment figure6 --config small --data data/ --out runs/figure6',
    async (flags, { progress, signal, commandLine, print }, [name]) => {
      const { loadConfig } = await import('../experiment/load-config.js');
      const { experimentNamed } = await import('../experiment/registry.js');
      const { RunContext } = await import('../experiment/run-context.js');
      const { runExperiment } = await import('../experiment/runner.js');
      const experiment = experimentNamed(name as ExperimentName);
      const config = await loadConfig(flags.config, experiment.name);
      const summary = await runExperiment(
        experiment,
        config,
        new RunContext({
          out: flags.out,
          data: flags.data,
          device: flags.device,
          threads: flags.threads,
          signal,
          progress,
          commandLine,
        }),
        {
          ...(flags.shard === undefined ? {} : { shard: flags.shard }),
          reportOnly: flags.report === true,
          trainOnly: flags.trainOnly === true,
        },
      );
      const { units, done, left, report } = summary;
      if (flags.trainOnly === true) {
        print(summary, `${experiment.title}: ${units - left} of ${units} trainings are done.`);
        return;
      }
      const state = left === 0 ? `all ${units} units are done` : `${left} of ${units} units are left`;
      print(
        summary,
        `${experiment.title}: ${done} units now, ${state}.${report === null ? ' The report comes with the last one.' : `\nReport: ${report}`}`,
      );
    },
  );
}

function shard(text: string): { index: number; count: number } {
  const [, index, count] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (index === undefined || count === undefined || index < 1 || index > count)
    throw new UsageError(`--shard ${text}: give I/N, for example 1/4 for the first of four.`);
  return { index, count };
}
