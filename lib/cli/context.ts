import type { Command } from 'commander';
import { GmisegError } from '../errors.js';
import { Progress } from './progress.js';
import type { Shell } from './shell.js';
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
  /** A line for people while the command runs; nothing with --json. */
  say(text: string): void;
  /** A warning on standard error; nothing with --json. */
  warn(text: string): void;
  /** Makes the command end with status 1, although it has printed a result. */
  fail(): void;
}

/**
 * Adds what all commands share (--json, an example below the help) and runs
 * `run` with its options. Failures set the exit status; nothing is thrown.
 */
export function define<Options>(
  command: Command,
  shell: Shell,
  example: string,
  run: (options: Options, context: CommandContext, args: string[]) => Promise<void>,
): void {
  command
    .option('--json', 'print results as JSON, for machines')
    .addHelpText('after', `\nExample:\n${example.replace(/^/gm, '  ')}`)
    .action(async (...received: unknown[]) => {
      const options = command.opts() as Options & { json?: boolean };
      const args = received.slice(0, -2).flat() as string[];
      await runCommand(shell, options.json === true, (context) => run(options, context, args));
    });
}

async function runCommand(
  shell: Shell,
  json: boolean,
  run: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const progress = new Progress(!json && shell.terminal);
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
      commandLine: ['gmiseg', ...shell.args].map(quote).join(' '),
      print: (result, text) => shell.out(json ? `${JSON.stringify(result)}\n` : `${text}\n`),
      line: (value) => {
        if (json) shell.out(`${JSON.stringify(value)}\n`);
      },
      say: (text) => {
        if (!json) shell.out(`${text}\n`);
      },
      warn: (text) => {
        if (!json) shell.err(`warning: ${text}\n`);
      },
      fail: () => {
        shell.status = 1;
      },
    });
  } catch (error) {
    progress.stop();
    reportError(error, shell, json);
  } finally {
    progress.stop();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/** Prints an error and sets the status: 2 for a wrong command line, else 1. */
export function reportError(error: unknown, shell: Shell, json: boolean): void {
  const known = error instanceof GmisegError;
  const code = known ? error.code : 'ERR_INTERNAL';
  const message = error instanceof Error ? error.message : String(error);
  if (json) {
    const details = known ? { details: error.details } : {};
    shell.err(`${JSON.stringify({ error: { code, message, ...details } })}\n`);
  } else {
    shell.err(`gmiseg: ${message} (${code})\n`);
    if (!known) shell.err('This is a fault of gmiseg; set GMISEG_DEBUG=1 to see where it comes from.\n');
  }
  if (process.env.GMISEG_DEBUG === '1' && error instanceof Error) {
    shell.err(`${error.stack ?? ''}\n`);
    if (error.cause !== undefined) shell.err(`Caused by: ${String(error.cause)}\n`);
  }
  shell.status = error instanceof UsageError ? 2 : 1;
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
