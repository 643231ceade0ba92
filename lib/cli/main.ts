#!/usr/bin/env node
import { runCli } from './run.js';
import { processShell } from './shell.js';

// A closed pipe ("gmiseg info ... | head") is no failure worth a stack.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const shell = processShell();
await runCli(shell);
process.exitCode = shell.status;
