import { type FileHandle, mkdir, open, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { lock } from 'proper-lockfile';
import { GmisegError } from '../errors.js';
import type { SliceEntry } from './slice-index.js';

/** Work that was found and taken up, or a fresh start. */
export interface ResumedStore {
  readonly journal: StoreJournal;
  readonly entries: SliceEntry[];
  readonly shards: number;
  /** The caller's state at the last whole shard; undefined for a fresh start. */
  readonly state: unknown;
}

interface JournalOptions {
  readonly key: string;
  readonly resume: boolean;
  readonly state: () => unknown;
}

interface JournalLine {
  readonly shard: number;
  readonly entries: SliceEntry[];
  readonly state: unknown;
}

export const JOURNAL_FILE = 'journal.jsonl';
/** Milliseconds after which the lock of a killed process counts for nothing. */
const STALE = 60_000;

/**
 * The log of a store in the making: its first line is the key of the work, each other one a whole shard. Lines
 * are appended and synced after their shard, so that what the journal names is there, whatever ends the process.
 * A lock keeps a second import out.
 */
export class StoreJournal {
  private written: number;
  private closed = false;

  private constructor(
    private readonly handle: FileHandle,
    private readonly release: () => Promise<void>,
    private readonly state: () => unknown,
    entries: number,
    private shards: number,
  ) {
    this.written = entries;
  }

  /**
   * Opens the folder of a store in the making.
   * @throws GmisegError ERR_DATASET where other work is there to resume; ERR_BUSY where another import holds it;
   *   ERR_IO where the folder cannot be made or locked
   */
  static async open(folder: string, options: JournalOptions): Promise<ResumedStore> {
    const release = await hold(folder);
    try {
      const found = options.resume ? await readJournal(folder, options.key) : null;
      if (found === null) await empty(folder);
      else await removeLeftovers(folder, found.lines.length);
      const file = path.join(folder, JOURNAL_FILE);
      if (found !== null) await truncate(file, found.bytes);
      const handle = await open(file, 'a');
      const entries = found?.lines.flatMap((line) => line.entries) ?? [];
      const shards = found?.lines.length ?? 0;
      const journal = new StoreJournal(handle, release, options.state, entries.length, shards);
      if (found === null) await journal.write({ key: options.key });
      return { journal, entries, shards, state: found?.lines.at(-1)?.state };
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** Notes that a shard is whole; `entries` are those of all slices so far. */
  async append(entries: readonly SliceEntry[]): Promise<void> {
    const line: JournalLine = {
      shard: this.shards,
      entries: entries.slice(this.written),
      state: this.state(),
    };
    await this.write(line);
    this.written = entries.length;
    this.shards += 1;
  }

  /** Lets go of the work; may be called twice. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.handle.close();
    // A lock that others took for stale is no longer ours to release.
    await this.release().catch(() => {});
  }

  /** The work is done and lies at `folder`: the log goes. */
  async remove(folder: string): Promise<void> {
    await rm(path.join(folder, JOURNAL_FILE)).finally(() => this.close());
  }

  private async write(line: object): Promise<void> {
    await this.handle.appendFile(`${JSON.stringify(line)}\n`);
    await this.handle.sync();
  }
}

async function hold(folder: string): Promise<() => Promise<void>> {
  try {
    await mkdir(folder, { recursive: true });
    return await lock(folder, {
      lockfilePath: `${folder}.lock`,
      stale: STALE,
      // A busy machine may be late in renewing it; that is no reason to end an import.
      onCompromised: () => {},
    });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ELOCKED')
      throw new GmisegError(
        'ERR_IO',
        `${folder} cannot be made or locked: ${(cause as Error).message}. Check who may write there and the space left, or choose another --out.`,
        { cause, details: { path: folder } },
      );
    throw new GmisegError(
      'ERR_BUSY',
      `Another import is writing ${folder} (or one was killed less than a minute ago); wait until it is done, or choose another --out.`,
      { cause, details: { path: folder } },
    );
  }
}

async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(path.join(folder, name), { recursive: true });
}

/** Shards that no line of the journal names were not finished. */
async function removeLeftovers(folder: string, shards: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const number = /^slices-(\d+)\.safetensors$/.exec(name)?.[1];
    if (name !== JOURNAL_FILE && (number === undefined || Number(number) >= shards))
      await rm(path.join(folder, name));
  }
}

/** The whole lines of a journal and how many bytes they take; null where there is nothing to resume. */
async function readJournal(
  folder: string,
  key: string,
): Promise<{ lines: JournalLine[]; bytes: number } | null> {
  const text = await readFile(path.join(folder, JOURNAL_FILE), 'utf8').catch(() => '');
  // A line that a crash cut off has no end.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const [head, ...rest] = whole.split('\n').slice(0, -1);
  if (head === undefined) return null;
  if ((JSON.parse(head) as { key?: string }).key !== key)
    throw new GmisegError(
      'ERR_DATASET',
      `${folder} holds the beginning of another import (other data or options); run without --resume to start anew, or with the command it was begun with.`,
      { details: { path: folder } },
    );
  const lines: JournalLine[] = [];
  let bytes = Buffer.byteLength(`${head}\n`);
  for (const text of rest) {
    const line = JSON.parse(text) as JournalLine;
    const shard = path.join(folder, line.entries[0]?.file ?? '');
    const there = line.shard === lines.length && (await stat(shard).catch(() => null))?.isFile() === true;
    if (!there) break;
    lines.push(line);
    bytes += Buffer.byteLength(`${text}\n`);
  }
  return { lines, bytes };
}
