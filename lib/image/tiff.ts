import { GmisegError } from '../errors.js';
import { loadSharp } from './load-sharp.js';
import { checkSize, damagedError, type Raster, type SampleArray } from './raster.js';
import { checkPieces, readTiffPages, TAG, type TiffPage, tagValue } from './tiff-tags.js';

// Photometric interpretations, sample formats and compressions by their TIFF numbers.
const WHITE_IS_ZERO = 0;
const RGB = 2;
const PALETTE = 3;
const UNSIGNED = 1;
const FLOAT = 3;
const CCITT = new Set([2, 3, 4]);
/** LERC, Zstandard and WebP coding, which the libtiff at hand was built without. */
const NOT_IN_LIBTIFF = new Set([34887, 50000, 50001]);

function choosePage(all: readonly TiffPage[], wanted: number | undefined, path: string): TiffPage {
  // Thumbnails, pyramid levels and transparency masks do not count.
  const pages = all.filter((page) => (tagValue(page, TAG.subfileType, 0) & 0b101) === 0);
  if (wanted === undefined && pages.length > 1)
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} holds ${pages.length} pages; choose one with { page: 0 } to { page: ${pages.length - 1} }, ` +
        'or convert the stack to NIfTI to read it as a volume',
      { details: { path, pages: pages.length } },
    );
  const page = pages[wanted ?? 0];
  if (page === undefined)
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `${path} holds ${pages.length} pages; there is no page ${wanted ?? 0}`,
      {
        details: { path, pages: pages.length, page: wanted },
      },
    );
  return page;
}

/** The stored palette (three runs of 16-bit values) as 0-255 colours. */
function readPalette(page: TiffPage): number[][] {
  const map = page.tags.get(TAG.palette);
  if (map === undefined) throw new Error('the palette is missing');
  const size = Math.floor(map.length / 3);
  // A few writers store 8-bit colours in the 16-bit map.
  const shift = map.some((value) => value > 255) ? 8 : 0;
  return Array.from({ length: size }, (_, i) => [0, 1, 2].map((c) => map[i + c * size]! >> shift));
}

/** White-is-zero samples turned round, so that larger means brighter. */
function invert(data: SampleArray, white: number): void {
  for (let i = 0; i < data.length; i++) data[i] = white - data[i]!;
}

/**
 * Decodes a page through libtiff, which is fast and strict but gives only bytes, 16-bit numbers and floats
 * unchanged. It turns white-is-zero pages round itself.
 */
async function decodeWithLibtiff(bytes: Buffer, page: TiffPage): Promise<Raster> {
  const sharp = await loadSharp();
  const input = sharp(bytes, { ignoreIcc: true, failOn: 'error', limitInputPixels: false, page: page.index });
  const meta = await input.metadata();
  const depth = meta.depth === 'ushort' || meta.depth === 'float' ? meta.depth : 'uchar';
  if (depth === 'uchar' && meta.depth !== 'uchar')
    throw new Error(`${meta.depth} samples in this coding are not read`);
  const grey = meta.channels <= 2;
  const space = depth === 'ushort' ? (grey ? 'grey16' : 'rgb16') : grey ? 'b-w' : 'srgb';
  const { data, info } = await input
    .toColourspace(space)
    .raw({ depth })
    .toBuffer({ resolveWithObject: true });
  const copy = new Uint8Array(data).buffer;
  const samples =
    depth === 'ushort'
      ? new Uint16Array(copy)
      : depth === 'float'
        ? new Float32Array(copy)
        : new Uint8Array(copy);
  const { width, height, channels } = info;
  return { data: samples, width, height, channels, alpha: channels === 2 || channels === 4 };
}

/** Decodes a page through geotiff, which gives every sample type as stored. */
async function decodeWithGeotiff(bytes: Buffer, page: TiffPage): Promise<Raster> {
  const { fromArrayBuffer } = await import('geotiff'); // a tenth of a second, for few files
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const image = await (await fromArrayBuffer(buffer)).getImage(page.index);
  const data = (await image.readRasters({ interleave: true })) as SampleArray;
  const width = image.getWidth();
  const height = image.getHeight();
  const bits = tagValue(page, TAG.bits, 1);
  const photometric = tagValue(page, TAG.photometric, 1);
  if (photometric === PALETTE) return { data, width, height, channels: 1, palette: readPalette(page) };
  if (photometric === WHITE_IS_ZERO && tagValue(page, TAG.sampleFormat, UNSIGNED) === UNSIGNED)
    invert(data, 2 ** bits - 1);
  const channels = image.getSamplesPerPixel();
  const alpha = channels === (photometric === RGB ? 4 : 2);
  return { data, width, height, channels, alpha, ...(bits < 8 ? { white: 2 ** bits - 1 } : {}) };
}

/** Whether libtiff gives a page's samples exactly. */
function exactInLibtiff(page: TiffPage): boolean {
  const bits = tagValue(page, TAG.bits, 1);
  const format = tagValue(page, TAG.sampleFormat, UNSIGNED);
  const photometric = tagValue(page, TAG.photometric, 1);
  const samples = tagValue(page, TAG.samples, 1);
  if (NOT_IN_LIBTIFF.has(tagValue(page, TAG.compression, 1)) || photometric === PALETTE) return false;
  // YCbCr, CMYK and the like must become RGB, which geotiff leaves to its caller.
  if (photometric > PALETTE) return true;
  const plain = samples === (photometric === RGB ? 3 : 1);
  const type = (format === UNSIGNED && (bits === 8 || bits === 16)) || (format === FLOAT && bits === 32);
  // geotiff undoes the predictor in the machine's byte order, whatever the file's.
  const swapped = !page.littleEndian && tagValue(page, TAG.predictor, 1) !== 1 && bits > 8;
  return (plain && type) || swapped;
}

/**
 * Decodes one page of a TIFF: 1 to 32 bits, signed, unsigned and float, grey, RGB and palette, tiled or in
 * strips, both byte orders. A file with several full-resolution pages needs `page`.
 */
export async function decodeTiff(bytes: Buffer, path: string, wanted?: number): Promise<Raster> {
  try {
    const page = choosePage(readTiffPages(bytes), wanted, path);
    checkSize(path, tagValue(page, TAG.width, 0), tagValue(page, TAG.height, 0));
    checkPieces(page, bytes.length);
    if (tagValue(page, TAG.bits, 1) === 1 || CCITT.has(tagValue(page, TAG.compression, 1))) {
      // Bilevel pages come as 0 and 255.
      const { data, width, height } = await decodeWithLibtiff(bytes, page);
      return {
        data: (data as Uint8Array).map((v) => (v === 0 ? 0 : 1)),
        width,
        height,
        channels: 1,
        white: 1,
      };
    }
    return exactInLibtiff(page) ? await decodeWithLibtiff(bytes, page) : await decodeWithGeotiff(bytes, page);
  } catch (error) {
    throw damagedError(path, 'TIFF', error);
  }
}
