import type { Command } from 'commander';
import { GmisegError } from '../errors.js';
import { Progress } from './progress.js';
import { UsageError } from './usage-error.js';

/** What every command gets beside its own options. */
export interface CommandContext {
  /** Machines read: results as JSON on stdout, nothing else there. */
  readonly json: boolean;
  readonly progress: Progress;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** The command line, for provenance. */
  readonly commandLine: string;
  /** Prints a result: the object with --json, the text otherwise. */
  print(result: unknown, text: string): void;
  /** One line of a JSON stream; nothing without --json. */
  line(value: unknown): void;
}

/**
 * Adds what all commands share (--json, an example below the help) and runs
 * `run` with its options. Failures set the exit status; nothing is thrown.
 */
export function define<Options>(
  command: Command,
  example: string,
  run: (options: Options, context: CommandContext, args: string[]) => Promise<void>,
): void {
  command
    .option('--json', 'print results as JSON, for machines')
    .addHelpText('after', `\nExample:\n${example.replace(/^/gm, '  ')}`)
    .action(async (...received: unknown[]) => {
      const options = command.opts() as Options & { json?: boolean };
      const args = received.slice(0, -2).flat() as string[];
      await runCommand(options.json === true, (context) => run(options, context, args));
    });
}

async function runCommand(json: boolean, run: (context: CommandContext) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const progress = new Progress(!json && process.stderr.isTTY === true);
  const interrupt = (): void => {
    // A second Ctrl-C means it: leave at once.
    if (controller.signal.aborted) process.exit(1);
    controller.abort(new GmisegError('ERR_ABORTED', 'Stopped by the user.'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    await run({
      json,
      progress,
      signal: controller.signal,
      commandLine: ['gmiseg', ...process.argv.slice(2)].map(quote).join(' '),
      print: (result, text) => process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${text}\n`),
      line: (value) => {
        if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
      },
    });
  } catch (error) {
    progress.stop();
    process.exitCode = reportError(error, json);
  } finally {
    progress.stop();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/** Prints an error on stderr; returns the exit status: 2 for a wrong command line, else 1. */
export function reportError(error: unknown, json: boolean): 1 | 2 {
  const known = error instanceof GmisegError;
  const code = known ? error.code : 'ERR_INTERNAL';
  const message = error instanceof Error ? error.message : String(error);
  if (json) {
    process.stderr.write(
      `${JSON.stringify({ error: { code, message, ...(known ? { details: error.details } : {}) } })}\n`,
    );
  } else {
    process.stderr.write(`gmiseg: ${message} (${code})\n`);
    if (!known)
      process.stderr.write('This is a fault of gmiseg; set GMISEG_DEBUG=1 to see where it comes from.\n');
  }
  if (process.env.GMISEG_DEBUG === '1' && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ''}\n`);
    if (error.cause !== undefined) process.stderr.write(`Caused by: ${String(error.cause)}\n`);
  }
  return error instanceof UsageError ? 2 : 1;
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
