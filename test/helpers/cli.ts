import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runCli } from '../../lib/cli/run.js';
import type { Shell } from '../../lib/cli/shell.js';
import { type ChildResult, cleanEnvironment, outcome } from './child.js';

/** The built command line. */
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs gmiseg in this process: a model is loaded in no time, once LibTorch is. */
export async function gmiseg(args: readonly string[]): Promise<CliResult> {
  let [stdout, stderr] = ['', ''];
  const shell: Shell = {
    args,
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
    terminal: false,
    status: 0,
  };
  await runCli(shell);
  return { code: shell.status, stdout, stderr };
}

/** Starts the built gmiseg in a process of its own. */
export function spawnGmiseg(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs the built gmiseg in a process of its own. */
export function gmisegProcess(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<ChildResult> {
  return outcome(spawnGmiseg(args, env));
}
