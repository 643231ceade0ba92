import type { FileHandle } from 'node:fs/promises';

/** Bytes of one named U8 tensor. */
export interface U8Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Where a U8 tensor lies: byte offsets into the whole file. */
export interface U8Entry {
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** What one read takes at most; Node reads less than 2 GiB at a time. */
const MOST_READ = 2 ** 30;

/** The bytes of a file from `begin` to `end`; null where it ends before. */
export async function readRange(
  handle: FileHandle,
  { begin, end }: Pick<U8Entry, 'begin' | 'end'>,
): Promise<Uint8Array | null> {
  const data = new Uint8Array(end - begin);
  for (let at = 0; at < data.length; ) {
    const most = Math.min(MOST_READ, data.length - at);
    const { bytesRead } = await handle.read(data, at, most, begin + at);
    if (bytesRead === 0) return null;
    at += bytesRead;
  }
  return data;
}

/** The head of a safetensors file of U8 tensors; the tensors' bytes follow in the order given. */
export function tensorsHead(
  tensors: readonly U8Tensor[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const table: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    table[name] = { dtype: 'U8', shape, data_offsets: [offset, offset + data.length] };
    offset += data.length;
  }
  // Padded with spaces so that the tensors begin at a multiple of 8.
  let json = JSON.stringify(table);
  json += ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const text = Buffer.from(json, 'utf8');
  const head = Buffer.alloc(8 + text.length);
  head.writeBigUInt64LE(BigInt(text.length), 0);
  text.copy(head, 8);
  return head;
}

/**
 * The table of a safetensors file of U8 tensors, with its metadata. `head` holds the JSON, `start` is the file offset
 * of the first tensor, `size` the file's length.
 * Throws a plain Error that says what is wrong; callers name the file.
 */
export function parseTensorTable(
  head: Uint8Array,
  start: number,
  size: number,
): { readonly metadata: Readonly<Record<string, unknown>>; readonly entries: Map<string, U8Entry> } {
  const table: unknown = JSON.parse(Buffer.from(head).toString('utf8'));
  if (typeof table !== 'object' || table === null) throw new Error('its header is not a JSON object');
  const entries = new Map<string, U8Entry>();
  for (const [name, value] of Object.entries(table as Record<string, unknown>)) {
    if (name === '__metadata__') continue;
    const {
      dtype,
      shape,
      data_offsets: offsets,
    } = value as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
    if (dtype !== 'U8') throw new Error(`tensor ${name} is ${String(dtype)}, expected U8`);
    if (!Array.isArray(shape) || !shape.every((n) => Number.isInteger(n) && n >= 0)) {
      throw new Error(`tensor ${name} has no valid shape`);
    }
    if (!Array.isArray(offsets) || offsets.length !== 2)
      throw new Error(`tensor ${name} has no data_offsets`);
    const begin = start + Number(offsets[0]);
    const end = start + Number(offsets[1]);
    const count = (shape as number[]).reduce((a, b) => a * b, 1);
    if (!(begin >= start) || end - begin !== count || end > size) {
      throw new Error(`tensor ${name} does not lie inside the file; it is truncated or damaged`);
    }
    entries.set(name, { shape: shape as number[], begin, end });
  }
  const { __metadata__: metadata } = table as { __metadata__?: Record<string, unknown> };
  return { metadata: metadata ?? {}, entries };
}
