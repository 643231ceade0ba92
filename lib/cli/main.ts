#!/usr/bin/env node
import { CommanderError } from 'commander';
import { reportError } from './context.js';
import { buildProgram } from './program.js';

// A closed pipe ("gmiseg info ... | head") is no failure worth a stack.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await buildProgram().parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed its own message; only the status is left to choose.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.exitCode = reportError(error, process.argv.includes('--json'));
  }
}
