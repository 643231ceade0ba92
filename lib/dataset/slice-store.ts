import { type FileHandle, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { GmisegError } from '../errors.js';
import { type SliceEntry, type SliceIndex, sliceIndexSchema } from './slice-index.js';
import { parseTensorTable, readRange, type U8Entry } from './u8-tensors.js';

/** The pixels of one slice. */
export interface StoredSlice {
  readonly entry: SliceEntry;
  /** [height, width, channels], 0 .. 255 */
  readonly image: Uint8Array;
  /** [height, width], label values */
  readonly mask: Uint8Array;
}

interface Shard {
  readonly handle: FileHandle;
  readonly entries: Map<string, U8Entry>;
}

/** Reads a slice store: the index at once, pixels when asked for. */
export class SliceStore {
  readonly path: string;
  readonly index: SliceIndex;
  private readonly shards: Map<string, Shard>;

  private constructor(folder: string, index: SliceIndex, shards: Map<string, Shard>) {
    this.path = folder;
    this.index = index;
    this.shards = shards;
  }

  /** Opens a store and checks every entry against its shard. Throws ERR_DATASET that names file and entry. */
  static async open(folder: string): Promise<SliceStore> {
    const root = path.resolve(folder);
    const index = await readIndex(path.join(root, 'index.json'));
    const shards = new Map<string, Shard>();
    const store = new SliceStore(root, index, shards);
    try {
      for (const [number, entry] of index.slices.entries()) {
        if (entry.file !== path.basename(entry.file)) {
          throw new GmisegError(
            'ERR_DATASET',
            `${root}/index.json: slice ${number} names a file outside the store.`,
          );
        }
        let shard = shards.get(entry.file);
        if (shard === undefined) {
          shard = await openShard(path.join(root, entry.file));
          shards.set(entry.file, shard);
        }
        const { height, width, channels } = entry;
        checkEntry(shard, root, number, entry.file, entry.image, [height, width, channels]);
        checkEntry(shard, root, number, entry.file, entry.mask, [height, width]);
      }
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  /** The entries, in the order of the index. */
  get slices(): readonly SliceEntry[] {
    return this.index.slices;
  }

  /** The name of a label value, or `label 7` where the store has none. */
  labelName(dataset: string, value: number | string): string {
    return this.index.labels[dataset]?.[String(value)] ?? `label ${value}`;
  }

  /** The pixels of a slice of this store. */
  async read(entry: SliceEntry): Promise<StoredSlice> {
    const shard = this.shards.get(entry.file);
    const image = shard?.entries.get(entry.image);
    const mask = shard?.entries.get(entry.mask);
    if (shard === undefined || image === undefined || mask === undefined) {
      throw new GmisegError('ERR_DATASET', `The slice ${entry.image} is not in the store ${this.path}.`);
    }
    return { entry, image: await readBytes(shard.handle, image), mask: await readBytes(shard.handle, mask) };
  }

  /** Closes the files. Idempotent. */
  async close(): Promise<void> {
    const open = [...this.shards.values()];
    this.shards.clear();
    await Promise.all(open.map((shard) => shard.handle.close()));
  }
}

async function readIndex(file: string): Promise<SliceIndex> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new GmisegError(
      'ERR_DATASET',
      `Cannot read ${file}: ${path.dirname(file)} is not a slice store. "gmiseg import" makes one.`,
      { cause },
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new GmisegError('ERR_DATASET', `${file} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = sliceIndexSchema.safeParse(json);
  if (!parsed.success) {
    throw new GmisegError('ERR_DATASET', `${file} does not fit schema 1: ${z.prettifyError(parsed.error)}`);
  }
  return parsed.data;
}

async function openShard(file: string): Promise<Shard> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (cause) {
    throw new GmisegError(
      'ERR_DATASET',
      `Cannot open ${file}, which index.json names. Import the store again.`,
      { cause },
    );
  }
  try {
    const { size } = await handle.stat();
    const lengthBytes = Buffer.alloc(8);
    const { bytesRead } = await handle.read(lengthBytes, 0, 8, 0);
    const length = bytesRead === 8 ? Number(lengthBytes.readBigUInt64LE(0)) : -1;
    if (length < 2 || length > size - 8 || length > 2 ** 28) throw new Error('its header is damaged');
    const head = Buffer.alloc(length);
    await handle.read(head, 0, length, 8);
    return { handle, entries: parseTensorTable(head, 8 + length, size).entries };
  } catch (cause) {
    await handle.close();
    throw new GmisegError(
      'ERR_DATASET',
      `${file} is no valid shard: ${(cause as Error).message}. Import the store again.`,
      {
        cause,
      },
    );
  }
}

function checkEntry(
  shard: Shard,
  root: string,
  number: number,
  file: string,
  name: string,
  shape: readonly number[],
): void {
  const found = shard.entries.get(name);
  if (found?.shape.join() !== shape.join()) {
    const what = found === undefined ? 'is missing' : `has the shape [${found.shape.join(', ')}]`;
    throw new GmisegError(
      'ERR_DATASET',
      `${path.join(root, file)}: tensor ${name} of slice ${number} ${what}; index.json says [${shape.join(', ')}].`,
    );
  }
}

async function readBytes(handle: FileHandle, place: U8Entry): Promise<Uint8Array> {
  const bytes = await readRange(handle, place);
  if (bytes === null)
    throw new GmisegError('ERR_DATASET', 'A shard of the store became shorter while it was read.');
  return bytes;
}
