import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { GmisegError } from '../errors.js';
import { type EventContent, encodeEvent, type Scalars } from './event.js';
import { frameRecord } from './record.js';

/**
 * A log that TensorBoard shows (`tensorboard --logdir FOLDER`): one event file for each time that it is opened.
 * Records are whole: one that a crash cut off is skipped by readers.
 */
export class EventLog {
  readonly file: string;
  readonly #handle: FileHandle;
  #queue: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(file: string, handle: FileHandle) {
    this.file = file;
    this.#handle = handle;
  }

  /**
   * Begins an event file in a folder, which is made.
   * @param firstStep what older files say of this step and later ones counts no more
   * @throws GmisegError ERR_IO
   */
  static async open(folder: string, firstStep = 0): Promise<EventLog> {
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${randomBytes(3).toString('hex')}`;
    const file = path.join(folder, name);
    let handle: FileHandle;
    try {
      await mkdir(folder, { recursive: true });
      handle = await open(file, 'ax');
    } catch (cause) {
      throw new GmisegError('ERR_IO', `${file} could not be written: ${(cause as Error).message}`, {
        cause,
        details: { path: file },
      });
    }
    const log = new EventLog(file, handle);
    log.#append({ fileVersion: 'brain.Event:2' });
    log.#append({ sessionStart: true, step: firstStep });
    return log;
  }

  /** Adds numbers at a step; the file follows in its own time. Nothing after close(). */
  add(scalars: Scalars, step: number): void {
    if (!this.#closed) this.#append({ scalars, step });
  }

  /** Waits for what was added. @throws GmisegError ERR_IO where it could not be written */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#queue;
      await this.#handle.sync();
    } catch (cause) {
      throw new GmisegError('ERR_IO', `${this.file} could not be written: ${(cause as Error).message}`, {
        cause,
        details: { path: this.file },
      });
    } finally {
      await this.#handle.close();
    }
  }

  #append(content: EventContent): void {
    const record = frameRecord(encodeEvent(content, Date.now() / 1000));
    this.#queue = this.#queue.then(async () => {
      await this.#handle.appendFile(record);
    });
    // close() reports it.
    this.#queue.catch(() => {});
  }
}
