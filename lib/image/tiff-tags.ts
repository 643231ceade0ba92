/** TIFF tags by their numbers. */
export const TAG = {
  subfileType: 254,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  predictor: 317,
  palette: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  sampleFormat: 339,
} as const;

/** One page's whole-number tags. */
export interface TiffPage {
  /** Position in the file's chain of pages. */
  readonly index: number;
  readonly littleEndian: boolean;
  readonly tags: ReadonlyMap<number, readonly number[]>;
}

const WANTED: ReadonlySet<number> = new Set(Object.values(TAG));
/** Bytes per value of the field types; those of whole numbers are read. */
const TYPE_SIZES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];
const WHOLE: ReadonlySet<number> = new Set([1, 3, 4, 13, 16, 18]);
const MAX_PAGES = 65536;

/**
 * Reads the page directories of a TIFF or BigTIFF and checks that they are sane: no chain in a circle, no
 * field that reaches past the end, no piece of the picture that is not in the file. Decoders trust these numbers,
 * and damaged ones can keep them busy until memory runs out.
 * @throws Error saying what is wrong
 */
export function readTiffPages(bytes: Buffer): TiffPage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const big = view.getUint16(2, little) === 43;
  const word = (at: number): number =>
    big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);
  const whole = (at: number, type: number): number => {
    if (type === 1) return view.getUint8(at);
    if (type === 3) return view.getUint16(at, little);
    if (type === 4 || type === 13) return view.getUint32(at, little);
    return Number(view.getBigUint64(at, little));
  };
  const pages: TiffPage[] = [];
  const seen = new Set<number>();
  const entrySize = big ? 20 : 12;
  let at = word(big ? 8 : 4);
  while (at !== 0) {
    if (seen.has(at) || pages.length >= MAX_PAGES) throw new Error('its pages form a circle');
    seen.add(at);
    const count = big ? Number(view.getBigUint64(at, little)) : view.getUint16(at, little);
    const first = at + (big ? 8 : 2);
    if (first + count * entrySize > bytes.length) throw new Error('a page directory reaches past the end');
    const tags = new Map<number, readonly number[]>();
    for (let i = 0; i < count; i++) {
      const entry = first + i * entrySize;
      const tag = view.getUint16(entry, little);
      const type = view.getUint16(entry + 2, little);
      const size = TYPE_SIZES[type] ?? 0;
      const values = word(entry + 4);
      const room = big ? 8 : 4;
      const valueAt = entry + (big ? 12 : 8);
      const data = values * size <= room ? valueAt : word(valueAt);
      if (size === 0 || data + values * size > bytes.length) throw new Error(`tag ${tag} is damaged`);
      if (!WANTED.has(tag)) continue;
      if (!WHOLE.has(type)) throw new Error(`tag ${tag} is no whole number`);
      tags.set(
        tag,
        Array.from({ length: values }, (_, v) => whole(data + v * size, type)),
      );
    }
    pages.push({ index: pages.length, littleEndian: little, tags });
    at = word(first + count * entrySize);
  }
  return pages;
}

/** The first value of a tag, or what it means when it is left out. */
export function tagValue(page: TiffPage, tag: number, fallback: number): number {
  return page.tags.get(tag)?.[0] ?? fallback;
}

/** Checks that the strips or tiles cover the page and lie within the file. */
export function checkPieces(page: TiffPage, fileSize: number): void {
  const width = tagValue(page, TAG.width, 0);
  const height = tagValue(page, TAG.height, 0);
  const tiled = page.tags.has(TAG.tileWidth);
  const pieceWidth = tiled ? tagValue(page, TAG.tileWidth, 0) : width;
  const pieceHeight = tiled
    ? tagValue(page, TAG.tileHeight, 0)
    : Math.min(height, tagValue(page, TAG.rowsPerStrip, height));
  const samples = tagValue(page, TAG.samples, 1);
  if (pieceWidth < 1 || pieceHeight < 1 || pieceWidth * pieceHeight > 2 ** 28 || samples < 1 || samples > 256)
    throw new Error('its strips or tiles have impossible sizes');
  const offsets = page.tags.get(tiled ? TAG.tileOffsets : TAG.stripOffsets) ?? [];
  const lengths = page.tags.get(tiled ? TAG.tileBytes : TAG.stripBytes) ?? [];
  const across = Math.ceil(width / pieceWidth) * Math.ceil(height / pieceHeight);
  if (offsets.length < across) throw new Error('strips or tiles are missing');
  for (const [i, offset] of offsets.entries()) {
    // A single uncompressed strip may leave its length out; the decoder then notices what is missing.
    if (offset + (lengths[i] ?? 0) > fileSize) throw new Error('it ends too early');
  }
}
