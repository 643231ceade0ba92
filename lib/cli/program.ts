import { Command } from 'commander';
import type { Peers } from '../bench/run-bench.js';
import { packageRoot } from '../package-root.js';
import { registerBench } from './bench.js';
import { registerConvert } from './convert.js';
import { registerDemo } from './demo.js';
import { registerDoctor } from './doctor.js';
import { registerEvaluate } from './evaluate.js';
import { registerExperiment } from './experiment.js';
import { registerImport } from './import.js';
import { registerInfo } from './info.js';
import { registerPredict } from './predict.js';
import type { Shell } from './shell.js';
import { registerSynth } from './synth.js';
import { registerTask } from './task.js';
import { registerTrain } from './train.js';

/**
 * The whole command line; parsing a wrong one throws CommanderError (its message is printed, unless `quiet`) or
 * UsageError.
 */
export function buildProgram(
  shell: Shell,
  { peers, quiet = false }: { readonly peers?: Peers; readonly quiet?: boolean } = {},
): Command {
  const program = new Command('gmiseg')
    .description('Segment medical images from a few examples or clicks.')
    .version(packageRoot().version)
    .showHelpAfterError('(add --help for the options and an example)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => shell.out(text),
      writeErr: quiet ? () => {} : (text) => shell.err(text),
    })
    .addHelpText(
      'after',
      `
Examples:
  gmiseg demo
  gmiseg predict --image new/ --support examples/ --out masks/
  gmiseg predict --image scan.png --box 40,52,180,200 --out masks/
  gmiseg import --layout nnunet --in Dataset001_Heart --out stores/heart

Exit status: 0 done, 1 failed, 2 wrong command line.`,
    );
  for (const register of [
    registerDemo,
    registerInfo,
    registerDoctor,
    registerImport,
    registerSynth,
    registerTrain,
    registerTask,
    registerPredict,
    registerEvaluate,
    registerExperiment,
    registerConvert,
  ]) {
    register(program, shell);
  }
  registerBench(program, shell, peers);
  // Subcommands made with program.command() copy these settings only at creation.
  for (const command of program.commands.flatMap((each) => [each, ...each.commands]))
    command.exitOverride().showHelpAfterError('(add --help for the options and an example)');
  return program;
}
