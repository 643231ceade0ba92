import { setImmediate } from 'node:timers/promises';
import { GmisegError } from '../errors.js';
import type { NiftiHeader } from './nifti-header.js';
import type { VoxelArray } from './types.js';

/** How a datatype lies in the file: bytes per voxel, and bytes per number for swapping. */
interface Storage {
  readonly name: string;
  readonly bytes: number;
  readonly swap: 1 | 2 | 4 | 8;
}

const STORAGE: ReadonlyMap<number, Storage> = new Map([
  [2, { name: 'uint8', bytes: 1, swap: 1 }],
  [4, { name: 'int16', bytes: 2, swap: 2 }],
  [8, { name: 'int32', bytes: 4, swap: 4 }],
  [16, { name: 'float32', bytes: 4, swap: 4 }],
  [64, { name: 'float64', bytes: 8, swap: 8 }],
  [128, { name: 'RGB24', bytes: 3, swap: 1 }],
  [256, { name: 'int8', bytes: 1, swap: 1 }],
  [512, { name: 'uint16', bytes: 2, swap: 2 }],
  [768, { name: 'uint32', bytes: 4, swap: 4 }],
  [1024, { name: 'int64', bytes: 8, swap: 8 }],
  [1280, { name: 'uint64', bytes: 8, swap: 8 }],
  [2304, { name: 'RGBA32', bytes: 4, swap: 1 }],
]);

const UNREADABLE: ReadonlyMap<number, string> = new Map([
  [1, 'single bits'],
  [32, 'complex numbers'],
  [1536, '128-bit floats'],
  [1792, 'complex numbers'],
  [2048, 'complex numbers'],
]);

/** Voxels handled between two looks at the event loop. */
const STEP = 1 << 21;

/** How the header's datatype is stored. bitpix is not asked: where the two differ, datatype is right. */
export function voxelStorage(header: NiftiHeader, path: string): Storage {
  const storage = STORAGE.get(header.datatype);
  if (storage !== undefined) return storage;
  const what = UNREADABLE.get(header.datatype);
  throw new GmisegError(
    'ERR_IMAGE_FORMAT',
    what === undefined
      ? `${path} states the unknown NIfTI datatype ${header.datatype}; its header is damaged`
      : `${path} stores ${what} (NIfTI datatype ${header.datatype}), which are not read; save it as float32`,
    { details: { path, datatype: header.datatype } },
  );
}

/** Runs over [0, count) in steps, letting the event loop breathe between them. */
async function inSteps(
  count: number,
  signal: AbortSignal | undefined,
  work: (start: number, end: number) => void,
): Promise<void> {
  for (let start = 0; start < count; start += STEP) {
    work(start, Math.min(count, start + STEP));
    if (start + STEP < count) {
      await setImmediate();
      signal?.throwIfAborted();
    }
  }
}

async function swapBytes(
  bytes: Uint8Array,
  width: 1 | 2 | 4 | 8,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (width === 1) return;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  await inSteps(bytes.length / width, signal, (start, end) => {
    const part = buffer.subarray(start * width, end * width);
    if (width === 2) part.swap16();
    else if (width === 4) part.swap32();
    else part.swap64();
  });
}

/** 64-bit integers (native order) to doubles in the same memory. Beyond 2^53 a double would lie. */
async function integers64(
  buffer: ArrayBuffer,
  signed: boolean,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const out = new Float64Array(buffer);
  const low = new Uint32Array(buffer);
  const high = signed ? new Int32Array(buffer) : low;
  await inSteps(out.length, signal, (start, end) => {
    for (let i = start; i < end; i++) {
      const value = high[2 * i + 1]! * 2 ** 32 + low[2 * i]!;
      if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER)
        throw new GmisegError(
          'ERR_IMAGE_FORMAT',
          `${path} holds 64-bit integers beyond 2^53; save it as float64 or with smaller values`,
          { details: { path } },
        );
      out[i] = value;
    }
  });
  return out;
}

/** Interleaved colours to one plane per colour and time point; alpha is left out. */
async function colourPlanes(
  bytes: Uint8Array,
  stride: number,
  voxels: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const count = bytes.length / stride;
  const out = new Uint8Array(count * 3);
  await inSteps(count, signal, (start, end) => {
    for (let i = start; i < end; i++) {
      const frame = Math.floor(i / voxels);
      const at = frame * 3 * voxels + (i - frame * voxels);
      for (let c = 0; c < 3; c++) out[at + c * voxels] = bytes[i * stride + c]!;
    }
  });
  return out;
}

function typed(buffer: ArrayBuffer, datatype: number): VoxelArray {
  switch (datatype) {
    case 2:
      return new Uint8Array(buffer);
    case 4:
      return new Int16Array(buffer);
    case 8:
      return new Int32Array(buffer);
    case 16:
      return new Float32Array(buffer);
    case 64:
      return new Float64Array(buffer);
    case 256:
      return new Int8Array(buffer);
    case 512:
      return new Uint16Array(buffer);
    default:
      return new Uint32Array(buffer);
  }
}

/** slope * x + inter. Numbers of up to 16 bits and float32 stay within float32; wider ones need float64. */
async function rescale(
  data: VoxelArray,
  slope: number,
  inter: number,
  signal: AbortSignal | undefined,
): Promise<VoxelArray> {
  const narrow = data.BYTES_PER_ELEMENT <= 2 || data instanceof Float32Array;
  const floats = data instanceof Float32Array || data instanceof Float64Array;
  const out = floats ? data : narrow ? new Float32Array(data.length) : new Float64Array(data.length);
  await inSteps(data.length, signal, (start, end) => {
    for (let i = start; i < end; i++) out[i] = slope * data[i]! + inter;
  });
  return out;
}

/**
 * A file's voxel bytes as numbers: native byte order, typed, scaled by scl_slope and scl_inter where the slope
 * is finite and not 0 (and an inter that is not finite counts as 0). Takes the memory over.
 */
export async function decodeVoxels(
  bytes: Uint8Array<ArrayBuffer>,
  header: NiftiHeader,
  path: string,
  signal: AbortSignal | undefined,
): Promise<VoxelArray> {
  const storage = voxelStorage(header, path);
  // Little-endian machines only: that is what the package runs on.
  if (!header.littleEndian) await swapBytes(bytes, storage.swap, signal);
  const { datatype } = header;
  if (datatype === 128 || datatype === 2304) {
    const voxels = header.dims[0]! * header.dims[1]! * header.dims[2]!;
    return await colourPlanes(bytes, storage.bytes, voxels, signal);
  }
  const data =
    datatype === 1024 || datatype === 1280
      ? await integers64(bytes.buffer, datatype === 1024, path, signal)
      : typed(bytes.buffer, datatype);
  const { slope } = header;
  const inter = Number.isFinite(header.inter) ? header.inter : 0;
  if (!Number.isFinite(slope) || slope === 0 || (slope === 1 && inter === 0)) return data;
  return await rescale(data, slope, inter, signal);
}
