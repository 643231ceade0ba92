import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { GmisegError } from '../errors.js';
import { exists } from './layouts/files.js';
import type { SliceEntry, SliceIndex, SliceProvenance } from './slice-index.js';
import type { SplitName } from './split.js';
import { JOURNAL_FILE, type ResumedStore, StoreJournal } from './store-journal.js';
import { tensorsHead, type U8Tensor } from './u8-tensors.js';

/** One labelled slice on its way into a store. */
export interface SliceRecord {
  readonly dataset: string;
  readonly subject: string;
  readonly case?: string;
  readonly axis: 0 | 1 | 2;
  readonly index: number;
  /** Millimetres from row to row and column to column; null where nobody knows. */
  readonly spacing: readonly [row: number, column: number] | null;
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly modality: string;
  readonly split: SplitName;
  /** Label value to pixels. */
  readonly labels: ReadonlyMap<number, number>;
  readonly orientation?: string;
  readonly sourceOrientation?: string;
  readonly resampled?: SliceEntry['resampled'];
  /** [height, width, channels], 0 .. 255. The writer keeps a reference until it flushes. */
  readonly image: Uint8Array;
  /** [height, width], label values. */
  readonly mask: Uint8Array;
}

export interface SliceStoreWriterOptions {
  /** Bytes after which a shard is written. Default 64 MB. */
  shardBytes?: number;
  /** Replace a store that is already there. Default false: ERR_DATASET. */
  overwrite?: boolean;
  /**
   * Makes the work resumable: it goes into `STORE.partial`, where whole shards outlive an abort or a crash.
   */
  journal?: {
    /** What the content depends on; only work of the same key is taken up. */
    readonly key: string;
    /** Take up what is there; without it earlier work is thrown away. */
    readonly resume: boolean;
    /** Where the caller stands, asked for whenever a shard has been written. */
    readonly state: () => unknown;
  };
}

/**
 * Writes a slice store. Nothing appears at the final path before `finish()`:
 * shards go into a temporary folder beside it, which is renamed at the end and
 * removed by `abort()`. Holds at most one shard in memory.
 */
export class SliceStoreWriter {
  readonly path: string;
  private readonly temporary: string;
  private readonly shardBytes: number;
  private readonly overwrite: boolean;
  private readonly labels: Record<string, Record<string, string>> = {};
  private readonly regions: Record<string, Record<string, number[]>> = {};
  private readonly entries: SliceEntry[];
  private pending: U8Tensor[] = [];
  private pendingBytes = 0;
  private shards: number;
  private state: 'open' | 'finished' | 'aborted' = 'open';
  private readonly journal: StoreJournal | null;
  /** What the caller said of itself when the last whole shard was written, after a resumption. */
  readonly resumedState: unknown;

  private constructor(
    target: string,
    temporary: string,
    options: SliceStoreWriterOptions,
    resumed: ResumedStore | null,
  ) {
    this.path = target;
    this.temporary = temporary;
    this.shardBytes = options.shardBytes ?? 64 * 2 ** 20;
    this.overwrite = options.overwrite ?? false;
    this.journal = resumed?.journal ?? null;
    this.entries = resumed?.entries ?? [];
    this.shards = resumed?.shards ?? 0;
    this.resumedState = resumed?.state;
  }

  /**
   * Opens a writer for the store at `target`. Throws ERR_DATASET where something
   * is there already (with `overwrite` only where that is no slice store).
   */
  static async create(target: string, options: SliceStoreWriterOptions = {}): Promise<SliceStoreWriter> {
    const full = path.resolve(target);
    await refuseToReplace(full, options.overwrite ?? false);
    await mkdir(path.dirname(full), { recursive: true });
    if (options.journal !== undefined) {
      const partial = `${full}.partial`;
      const resumed = await StoreJournal.open(partial, options.journal);
      return new SliceStoreWriter(full, partial, options, resumed);
    }
    const temporary = `${full}.tmp-${process.pid}-${randomBytes(4).toString('hex')}`;
    await mkdir(temporary);
    return new SliceStoreWriter(full, temporary, options, null);
  }

  /** Slices added so far. */
  get count(): number {
    return this.entries.length;
  }

  /** Where the work lies until it is done. */
  get folder(): string {
    return this.temporary;
  }

  /** The entries of the slices added so far. */
  get slices(): readonly SliceEntry[] {
    return this.entries;
  }

  /** Names the labels of a dataset; called once for each dataset of the store. */
  describe(
    dataset: string,
    labels: ReadonlyMap<number, string>,
    regions: ReadonlyMap<string, readonly number[]> = new Map(),
  ): void {
    this.labels[dataset] = Object.fromEntries([...labels].map(([value, name]) => [String(value), name]));
    if (regions.size > 0) {
      this.regions[dataset] = Object.fromEntries([...regions].map(([name, values]) => [name, [...values]]));
    }
  }

  /** Adds one slice; writes a shard when enough have come. */
  async add(slice: SliceRecord): Promise<void> {
    this.expectOpen();
    const { height, width, channels, image, mask } = slice;
    if (image.length !== height * width * channels || mask.length !== height * width) {
      throw new GmisegError(
        'ERR_SHAPE',
        `A slice of ${height} x ${width} x ${channels} came with ${image.length} image and ${mask.length} mask bytes.`,
      );
    }
    if (this.pendingBytes > 0 && this.pendingBytes + image.length + mask.length > this.shardBytes)
      await this.flush();
    const number = String(this.entries.length).padStart(6, '0');
    this.pending.push({ name: `image.${number}`, shape: [height, width, channels], data: image });
    this.pending.push({ name: `mask.${number}`, shape: [height, width], data: mask });
    this.pendingBytes += image.length + mask.length;
    this.entries.push({
      dataset: slice.dataset,
      subject: slice.subject,
      ...(slice.case === undefined ? {} : { case: slice.case }),
      axis: slice.axis,
      index: slice.index,
      spacing: slice.spacing === null ? null : [slice.spacing[0], slice.spacing[1]],
      height,
      width,
      channels,
      modality: slice.modality,
      split: slice.split,
      labels: Object.fromEntries([...slice.labels].map(([value, pixels]) => [String(value), pixels])),
      file: shardName(this.shards),
      image: `image.${number}`,
      mask: `mask.${number}`,
      ...(slice.orientation === undefined ? {} : { orientation: slice.orientation }),
      ...(slice.sourceOrientation === undefined ? {} : { sourceOrientation: slice.sourceOrientation }),
      ...(slice.resampled === undefined ? {} : { resampled: slice.resampled }),
    });
  }

  /**
   * Writes what is left and the index, then moves the store to its place.
   * @throws GmisegError ERR_DATASET where no slice came; ERR_IO where the place cannot be written
   */
  async finish(provenance: SliceProvenance): Promise<SliceIndex> {
    this.expectOpen();
    if (this.entries.length === 0) {
      throw new GmisegError(
        'ERR_DATASET',
        `No slice would be in ${this.path}: no label has enough pixels. Lower --min-area, choose other axes, or check that the masks are not empty.`,
      );
    }
    await this.flush();
    const index: SliceIndex = {
      schema: 1,
      provenance,
      labels: this.labels,
      ...(Object.keys(this.regions).length > 0 ? { regions: this.regions } : {}),
      slices: this.entries,
    };
    await writeSynced(path.join(this.temporary, 'index.json'), [Buffer.from(indexText(index))]);
    await refuseToReplace(this.path, this.overwrite);
    try {
      await keepSidecars(this.path, this.temporary);
      await replaceFolder(this.temporary, this.path);
    } catch (cause) {
      throw new GmisegError(
        'ERR_IO',
        `The store cannot be moved to ${this.path}: ${(cause as Error).message}.`,
        {
          cause,
          details: { path: this.path },
        },
      );
    }
    this.state = 'finished';
    // Last of all: until the store is in its place, the log is what a resumption needs.
    await this.journal?.remove(this.path);
    return index;
  }

  /**
   * Removes everything written, but for whole shards of resumable work; true where such are kept. Does nothing
   * after `finish()`; may be called twice.
   */
  async abort(): Promise<boolean> {
    if (this.state === 'finished') return false;
    this.state = 'aborted';
    this.pending = [];
    const kept = this.journal !== null && this.shards > 0;
    await this.journal?.close();
    if (!kept) await rm(this.temporary, { recursive: true, force: true });
    return kept;
  }

  private expectOpen(): void {
    if (this.state !== 'open')
      throw new GmisegError('ERR_CLOSED', `The writer of ${this.path} is ${this.state}.`);
  }

  private async flush(): Promise<void> {
    if (this.pending.length === 0) return;
    const tensors = this.pending;
    await writeSynced(path.join(this.temporary, shardName(this.shards)), [
      tensorsHead(tensors, { format: 'gmiseg-slices', schema: '1' }),
      ...tensors.map((tensor) => tensor.data),
    ]);
    this.pending = [];
    this.pendingBytes = 0;
    this.shards += 1;
    await this.journal?.append(this.entries);
  }
}

function shardName(number: number): string {
  return `slices-${String(number).padStart(3, '0')}.safetensors`;
}

/** One line for each slice: small enough to read, easy to compare. */
function indexText(index: SliceIndex): string {
  const { slices, ...head } = index;
  const lines = slices.map((slice) => `    ${JSON.stringify(slice)}`).join(',\n');
  return `${JSON.stringify(head, null, 2).replace(/\n}$/, '')},\n  "slices": [\n${lines}\n  ]\n}\n`;
}

async function writeSynced(file: string, parts: readonly Uint8Array[]): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    for (const part of parts) await handle.writeFile(part);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The log is left where a process was killed in its very last act. */
const isStoreFile = (name: string): boolean =>
  name === JOURNAL_FILE || /^(index\.json|slices-\d+\.safetensors)$/.test(name);
/** What `gmiseg import --verify` and `--preview` leave in the folder of the store. */
const SIDECAR = /^(fingerprint\.json|preview.*\.png)$/;

/** Takes over what lies beside the store that is replaced, but for what was made anew. */
async function keepSidecars(from: string, to: string): Promise<void> {
  const names = await readdir(from).catch(() => []);
  const made = new Set(await readdir(to));
  for (const name of names)
    if (SIDECAR.test(name) && !made.has(name)) await copyFile(path.join(from, name), path.join(to, name));
}

async function refuseToReplace(target: string, overwrite: boolean): Promise<void> {
  const there = await stat(target).catch(() => null);
  if (there === null) return;
  if (!there.isDirectory())
    throw new GmisegError('ERR_DATASET', `${target} is a file; a slice store is a folder.`);
  const names = await readdir(target);
  // A fingerprint and previews of `--verify` alone are no store yet.
  if (names.every((name) => SIDECAR.test(name))) return;
  if (!overwrite) {
    throw new GmisegError(
      'ERR_DATASET',
      `${target} is there already; choose another folder or pass --force.`,
    );
  }
  const ours = names.every((name) => isStoreFile(name) || SIDECAR.test(name));
  if (!ours || !names.includes('index.json')) {
    throw new GmisegError(
      'ERR_DATASET',
      `${target} holds other things than a slice store; it is not replaced.`,
    );
  }
}

async function replaceFolder(from: string, to: string): Promise<void> {
  const old = `${to}.partial.old`;
  const there = await exists(to);
  if (there) {
    // Of a process that was killed when it had put the new one into its place.
    await rm(old, { recursive: true, force: true });
    await rename(to, old);
  }
  try {
    await rename(from, to);
  } catch (error) {
    if (there) await rename(old, to);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}
