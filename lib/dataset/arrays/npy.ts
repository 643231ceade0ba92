import type { VoxelArray } from '../../image/index.js';
import type { NamedArray } from './named-array.js';

const MAGIC = '\x93NUMPY';

type Decode = (bytes: ArrayBuffer) => VoxelArray;

const TYPES: Record<string, Decode> = {
  b1: (bytes) => new Uint8Array(bytes),
  u1: (bytes) => new Uint8Array(bytes),
  i1: (bytes) => new Int8Array(bytes),
  u2: (bytes) => new Uint16Array(bytes),
  i2: (bytes) => new Int16Array(bytes),
  u4: (bytes) => new Uint32Array(bytes),
  i4: (bytes) => new Int32Array(bytes),
  u8: (bytes) => Float64Array.from(new BigUint64Array(bytes), Number),
  i8: (bytes) => Float64Array.from(new BigInt64Array(bytes), Number),
  f4: (bytes) => new Float32Array(bytes),
  f8: (bytes) => new Float64Array(bytes),
};

/**
 * Parses a NumPy .npy file: numbers and booleans, little-endian, C order.
 * Throws a plain Error that says what is wrong; callers name the file.
 */
export function parseNpy(bytes: Buffer): NamedArray {
  if (bytes.toString('latin1', 0, 6) !== MAGIC) throw new Error('is no NumPy array');
  const wide = bytes[6]! >= 2;
  const start = wide ? 12 : 10;
  const length = wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', start, start + length);
  const type = /'descr':\s*'([<>|=])([a-z]\d+)'/.exec(header);
  const sizes = /'shape':\s*\(([^)]*)\)/.exec(header);
  if (type === null || sizes === null) throw new Error('has a NumPy header that cannot be parsed');
  const decode = TYPES[type[2]!];
  if (decode === undefined || type[1] === '>')
    throw new Error(`holds values of the type ${type[1]}${type[2]}, which is not read; save it as float32`);
  if (/'fortran_order':\s*True/.test(header))
    throw new Error('is stored in Fortran order; save it with numpy.ascontiguousarray');
  const shape = sizes[1]!
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  const need = count * Number(type[2]!.slice(1));
  const body = bytes.subarray(start + length, start + length + need);
  if (body.length < need) throw new Error(`is cut short: ${need} bytes of values, ${body.length} are there`);
  // A copy, which also begins at a multiple of the element size.
  return { data: decode(new Uint8Array(body).buffer), shape };
}
