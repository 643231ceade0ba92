import { CommanderError } from 'commander';
import type { Peers } from '../bench/run-bench.js';
import { reportError } from './context.js';
import { buildProgram } from './program.js';
import type { Shell } from './shell.js';

/**
 * Runs a command line to its end. Never throws; the status is in the shell.
 * @param options.peers whom `bench` measures beside gmiseg
 */
export async function runCli(shell: Shell, options: { readonly peers?: Peers } = {}): Promise<void> {
  try {
    await buildProgram(shell, options).parseAsync([...shell.args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed its own message; only the status is left to choose.
      shell.status = error.exitCode === 0 ? 0 : 2;
    } else {
      reportError(error, shell, shell.args.includes('--json'));
    }
  }
}
