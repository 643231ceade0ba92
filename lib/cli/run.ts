import { CommanderError } from 'commander';
import type { Peers } from '../bench/run-bench.js';
import { reportError } from './context.js';
import { buildProgram } from './program.js';
import type { Shell } from './shell.js';
import { UsageError } from './usage-error.js';

/**
 * Runs a command line to its end. Never throws; the status is in the shell.
 * @param options.peers whom `bench` measures beside gmiseg
 */
export async function runCli(shell: Shell, options: { readonly peers?: Peers } = {}): Promise<void> {
  const json = shell.args.includes('--json');
  try {
    await buildProgram(shell, { ...options, quiet: json }).parseAsync([...shell.args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) reportError(error, shell, json);
    else if (error.exitCode === 0) shell.status = 0;
    else if (json) reportError(usageError(error), shell, json);
    // Commander has printed its own message; only the status is left to choose.
    else shell.status = 2;
  }
}

function usageError({ message }: CommanderError): UsageError {
  return new UsageError(`${message.replace(/^error: /, '')} (add --help for the options and an example)`);
}
