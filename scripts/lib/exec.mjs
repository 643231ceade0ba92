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
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, echo?: boolean, timeoutMs?: number }} [options]
 *   echo: also write what the program prints to our stderr.
 * @returns {Promise<RunResult>}
 */
export function run(program, args, { cwd, env = process.env, echo = false, timeoutMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      if (echo) process.stderr.write(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
      if (echo) process.stderr.write(text);
    });
    child.on('error', (error) => resolve({ status: 127, stdout, stderr: `${stderr}${error.message}` }));
    child.on('close', (code, signal) =>
      resolve({ status: code ?? 128, stdout, stderr: signal ? `${stderr}killed by ${signal}` : stderr }),
    );
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
