import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ChildResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A script of test/process/children. */
export function childScript(name: string): string {
  return fileURLToPath(new URL(`../process/children/${name}`, import.meta.url));
}

/** Without what the test runner puts there: its loaders and reporters have no place in a child. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => name !== 'NODE_OPTIONS' && name !== 'GMISEG_DEBUG' && !name.startsWith('TAP'),
    ),
  );
}

/** What a child writes, where that is piped, and how it ends. */
export function outcome(child: ChildProcess): Promise<ChildResult> {
  return new Promise((resolve, reject) => {
    let [stdout, stderr] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Signals a child once `when` holds, and waits for its end. */
export async function interrupt(
  child: ChildProcess,
  signal: NodeJS.Signals,
  when: () => boolean,
): Promise<ChildResult> {
  const timer = setInterval(() => {
    if (!when()) return;
    clearInterval(timer);
    child.kill(signal);
  }, 2);
  return await outcome(child).finally(() => clearInterval(timer));
}

/**
 * Runs a script of test/process/children in a process of its own, against dist/. A child that hangs is killed,
 * which `signal` shows. A variable of `env` that is undefined is not set.
 */
export function runChild(
  script: string,
  args: readonly string[] = [],
  options: { nodeArgs?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<ChildResult> {
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), childScript(script), ...args], {
    env: { ...cleanEnvironment(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 90_000,
    killSignal: 'SIGKILL',
  });
  return outcome(child);
}
