import { fromArrayBuffer, type GeoTIFFImage } from 'geotiff';
import sharp from 'sharp';
import { GmisegError } from '../errors.js';
import { checkSize, damagedError, type Raster, type SampleArray } from './raster.js';

// Photometric interpretations and compressions by their TIFF 6.0 numbers.
const WHITE_IS_ZERO = 0;
const RGB = 2;
const PALETTE = 3;
const CCITT = new Set([2, 3, 4]);

function tag(image: GeoTIFFImage, name: string, fallback: number): number {
  const value: unknown = image.fileDirectory.getValue(name as never);
  const first = typeof value === 'object' && value !== null ? (value as ArrayLike<unknown>)[0] : value;
  return typeof first === 'number' ? first : fallback;
}

/** Full-resolution pages: thumbnails, pyramid levels and transparency masks do not count. */
async function fullPages(tiff: Awaited<ReturnType<typeof fromArrayBuffer>>) {
  const pages: { index: number; image: GeoTIFFImage }[] = [];
  const count = await tiff.getImageCount();
  for (let index = 0; index < count; index++) {
    const image = await tiff.getImage(index);
    if ((tag(image, 'NewSubfileType', 0) & 0b101) === 0) pages.push({ index, image });
  }
  return pages;
}

function choosePage<T>(pages: readonly T[], wanted: number | undefined, path: string): T {
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
      `${path} holds ${pages.length} pages; there is no page ${wanted}`,
      {
        details: { path, pages: pages.length, page: wanted },
      },
    );
  return page;
}

/** The stored palette (three runs of 16-bit values) as 0-255 colours. */
async function readPalette(image: GeoTIFFImage): Promise<number[][]> {
  const map = (await image.fileDirectory.loadValue('ColorMap')) as ArrayLike<number> | undefined;
  if (map === undefined) throw new Error('the palette is missing');
  const size = map.length / 3;
  let max = 0;
  for (let i = 0; i < map.length; i++) max = Math.max(max, map[i]!);
  // A few writers store 8-bit colours in the 16-bit map.
  const shift = max > 255 ? 8 : 0;
  return Array.from({ length: size }, (_, i) => [0, 1, 2].map((c) => map[i + c * size]! >> shift));
}

/** White-is-zero samples turned round, so that larger means brighter. */
function invert(data: SampleArray, white: number): void {
  for (let i = 0; i < data.length; i++) data[i] = white - data[i]!;
}

/** Decodes a page through libtiff, which knows fax coding, YCbCr and CMYK. 8-bit or, exactly, 16-bit and float. */
async function decodeWithLibtiff(bytes: Buffer, index: number): Promise<Raster> {
  const input = sharp(bytes, { ignoreIcc: true, failOn: 'error', limitInputPixels: false, page: index });
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

async function decodePage(bytes: Buffer, index: number, image: GeoTIFFImage, path: string): Promise<Raster> {
  const width = image.getWidth();
  const height = image.getHeight();
  checkSize(path, width, height);
  const bits = tag(image, 'BitsPerSample', 1);
  const photometric = tag(image, 'PhotometricInterpretation', 1);
  const swappedPredictor = !image.littleEndian && tag(image, 'Predictor', 1) !== 1 && bits > 8;
  const usual = photometric <= PALETTE;
  if (bits === 1 || CCITT.has(tag(image, 'Compression', 1))) {
    // libtiff turns white-is-zero pages round itself and gives 0 and 255.
    const { data } = await decodeWithLibtiff(bytes, index);
    return { data: (data as Uint8Array).map((v) => (v === 0 ? 0 : 1)), width, height, channels: 1, white: 1 };
  }
  // geotiff undoes the predictor in the machine's byte order, whatever the file's: wrong for these files.
  if (swappedPredictor || !usual) return await decodeWithLibtiff(bytes, index);
  const data = (await image.readRasters({ interleave: true })) as SampleArray;
  const channels = image.getSamplesPerPixel();
  if (photometric === PALETTE) return { data, width, height, channels: 1, palette: await readPalette(image) };
  const colours = photometric === RGB ? 3 : 1;
  if (photometric === WHITE_IS_ZERO && image.getSampleFormat(0) === 1) invert(data, 2 ** bits - 1);
  return {
    data,
    width,
    height,
    channels,
    alpha: channels === colours + 1,
    ...(bits < 8 ? { white: 2 ** bits - 1 } : {}),
  };
}

/**
 * Decodes one page of a TIFF: 1 to 32 bits, signed, unsigned and float, grey, RGB and palette, tiled or in
 * strips, both byte orders. A file with several full-resolution pages needs `page`.
 */
export async function decodeTiff(bytes: Buffer, path: string, page?: number): Promise<Raster> {
  try {
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    const { index, image } = choosePage(await fullPages(await fromArrayBuffer(buffer)), page, path);
    return await decodePage(bytes, index, image, path);
  } catch (error) {
    throw damagedError(path, 'TIFF', error);
  }
}
