import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ChildResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a script of test/process/children in a process of its own, against dist/. A child that hangs is killed,
 * which `signal` shows.
 */
export function runChild(
  script: string,
  args: readonly string[] = [],
  options: { nodeArgs?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<ChildResult> {
  const path = fileURLToPath(new URL(`../process/children/${script}`, import.meta.url));
  const env = { ...process.env, ...options.env };
  // Loaders and reporters of the test runner have no place in the child.
  for (const name of Object.keys(env)) {
    if (name === 'NODE_OPTIONS' || name.startsWith('TAP') || env[name] === undefined) delete env[name];
  }
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...(options.nodeArgs ?? []), path, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 90_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
