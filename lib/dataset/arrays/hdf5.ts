import type { VoxelArray } from '../../image/index.js';
import { sniffFormat } from '../../image/index.js';
import { optionalModule } from '../../image/optional-module.js';
import type { NamedArray } from './named-array.js';

/** What of h5wasm is used. */
interface H5Wasm {
  readonly ready: Promise<unknown>;
  readonly File: new (path: string, mode: 'r') => H5File;
}

interface H5File {
  keys(): string[];
  get(name: string): { readonly shape?: number[] | null; readonly value?: unknown } | null;
  close(): number;
}

function numbers(value: unknown): VoxelArray {
  if (value instanceof BigInt64Array || value instanceof BigUint64Array)
    return Float64Array.from(value, Number);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return value as VoxelArray;
  throw new Error('holds values that are no numbers');
}

/**
 * Reads datasets of an HDF5 file by name.
 * Throws a plain Error that says what is wrong (callers name the file), and ERR_IMAGE_FORMAT where h5wasm is not
 * installed.
 */
export async function readHdf5(path: string, names: readonly string[]): Promise<NamedArray[]> {
  // The library would print a page of its own troubles.
  if ((await sniffFormat(path)) !== 'hdf5') throw new Error('is no HDF5 file');
  const library = await optionalModule<H5Wasm | { default: H5Wasm }>('h5wasm/node', `reading ${path}`);
  const { ready, File } = 'default' in library ? library.default : library;
  await ready;
  const file = new File(path, 'r');
  try {
    return names.map((name) => {
      const dataset = file.keys().includes(name) ? file.get(name) : null;
      if (dataset === null || dataset.shape === undefined || dataset.shape === null)
        throw new Error(`has no dataset "${name}", only ${file.keys().join(', ') || 'nothing'}`);
      return { data: numbers(dataset.value), shape: dataset.shape };
    });
  } finally {
    file.close();
  }
}
