import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { type Entry, fromBuffer, type ZipFile } from 'yauzl';
import type { NamedArray } from './named-array.js';
import { parseNpy } from './npy.js';

const MAX_ENTRY = 2 ** 31 - 1;

const openZip = promisify((bytes: Buffer, done: (error: Error | null, zip: ZipFile) => void) =>
  fromBuffer(bytes, { lazyEntries: true, autoClose: false }, done),
);

async function entryBytes(zip: ZipFile, entry: Entry): Promise<Buffer> {
  if (entry.uncompressedSize > MAX_ENTRY) throw new Error(`holds ${entry.fileName} of more than 2 GiB`);
  const open = promisify((done: (error: Error | null, stream: Readable) => void) =>
    zip.openReadStream(entry, done),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of await open()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/**
 * Reads arrays of a NumPy .npz file by name.
 * Throws a plain Error that says what is wrong; callers name the file.
 */
export async function readNpz(path: string, names: readonly string[]): Promise<NamedArray[]> {
  const zip = await openZip(await readFile(path));
  const found = new Map<string, Entry>();
  await new Promise<void>((resolve, reject) => {
    zip.on('entry', (entry: Entry) => {
      found.set(entry.fileName.replace(/\.npy$/, ''), entry);
      zip.readEntry();
    });
    zip.on('end', resolve);
    zip.on('error', reject);
    zip.readEntry();
  });
  const arrays: NamedArray[] = [];
  for (const name of names) {
    const entry = found.get(name);
    if (entry === undefined)
      throw new Error(`has no array "${name}", only ${[...found.keys()].join(', ') || 'nothing'}`);
    arrays.push(parseNpy(await entryBytes(zip, entry)));
  }
  return arrays;
}
