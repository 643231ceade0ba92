import { spawn } from 'node:child_process';

/**
 * @typedef {object} RunResult
 * @property {number} status exit status; 127 where the program cannot be started
 * @property {string} stdout
 * @property {string} stderr
 */

/**
 * Runs a program to its end without blocking the event loop (locks must be kept alive meanwhile).
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void, timeoutMs?: number }} [options]
 *   onLine: hears every line that the program prints, as it comes.
 * @returns {Promise<RunResult>}
 */
export function run(program, args, { cwd, env = process.env, onLine, timeoutMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
    });
    const output = { stdout: '', stderr: '' };
    for (const name of /** @type {const} */ (['stdout', 'stderr'])) {
      let line = '';
      child[name].setEncoding('utf8').on('data', (/** @type {string} */ text) => {
        output[name] += text;
        const lines = (line + text).split('\n');
        line = lines.pop() ?? '';
        if (onLine) for (const complete of lines) onLine(complete);
      });
    }
    child.on('error', (error) =>
      resolve({ ...output, status: 127, stderr: `${output.stderr}${error.message}` }),
    );
    child.on('close', (code, signal) => {
      if (signal) output.stderr += `killed by ${signal}`;
      resolve({ ...output, status: code ?? 128 });
    });
  });
}

/**
 * Runs a program that talks to the user itself.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>} exit status
 */
export function runInherited(program, args, { cwd, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 128));
  });
}

/**
 * The last lines of a program's output, for an error message.
 *
 * @param {string} text
 * @param {number} [lines]
 */
export function tail(text, lines = 4) {
  return text.trim().split('\n').slice(-lines).join('\n');
}
