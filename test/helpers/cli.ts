import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runCli } from '../../lib/cli/run.js';
import type { Shell } from '../../lib/cli/shell.js';

/** The built command line. */
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

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

/** Runs the built gmiseg in a process of its own. */
export function gmisegProcess(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Without what the test runner puts there: its loaders have no place in the child. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => name !== 'NODE_OPTIONS' && name !== 'GMISEG_DEBUG' && !name.startsWith('TAP'),
    ),
  );
}
