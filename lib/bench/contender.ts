import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { GmisegError } from '../errors.js';
import {
  type Answer,
  type DType,
  parseAnswer,
  type Request,
  type Settings,
  type Values,
} from './protocol.js';

/** Who takes part in a case, and how its process is started. */
export interface ContenderSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly workload: string;
  readonly settings: Settings;
  /** Contenders of other arithmetic are not compared in time. */
  readonly dtype?: DType;
  /** What contenders of the same dtype are compared with. */
  readonly reference?: boolean;
  /** The same program as the reference, set up to be faster: the best of both is what one is also compared with. */
  readonly alternative?: boolean;
  /** Measures the machine's roof (`gflops` in its values) and is no contender. */
  readonly probe?: boolean;
}

export interface Answered {
  readonly values: Values;
  readonly peakBytes: number;
}

/** A contender that runs in a process of its own, so that its memory is its own. */
export class Contender {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<void>;
  #failure = '';
  #errors = '';

  /** @param signal kills the process */
  constructor({ command, args, env }: ContenderSpec, signal: AbortSignal) {
    this.#child = spawn(command, [...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      signal,
      killSignal: 'SIGKILL',
    });
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
    this.#child.once('error', (error) => {
      this.#failure = error.message;
    });
    // A contender that has died cannot be written to; the missing answer tells of it.
    this.#child.stdin.on('error', () => {});
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** @throws GmisegError ERR_INTERNAL with what the contender says of itself */
  async ask(request: Request): Promise<Answered> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const answer = await this.#answer();
    if (!answer.ok) throw new GmisegError('ERR_INTERNAL', answer.error);
    return answer;
  }

  async #answer(): Promise<Answer> {
    const line = await this.#lines.next();
    if (line.done !== true) return parseAnswer(line.value);
    await this.#ended;
    const { exitCode, signalCode } = this.#child;
    const last = this.#failure || this.#errors.trim().split('\n').slice(-3).join('\n');
    return { ok: false, error: `it ended (${signalCode ?? `status ${exitCode}`}): ${last}` };
  }

  /** Ends the process and waits for its end. */
  async close(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}
