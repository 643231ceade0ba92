const DESCR = new Map<string, string>([
  ['Uint8Array', '|u1'],
  ['Int16Array', '<i2'],
  ['Float32Array', '<f4'],
  ['BigInt64Array', '<i8'],
]);

/** A NumPy .npy file, version 1, C order. */
export function npyBytes(
  data: Uint8Array | Int16Array | Float32Array | BigInt64Array,
  shape: readonly number[],
): Buffer {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  let text = `{'descr': '${DESCR.get(data.constructor.name)}', 'fortran_order': False, 'shape': (${sizes}), }`;
  text += `${' '.repeat(63 - ((10 + text.length) % 64))}\n`;
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY', 0, 'latin1');
  head[6] = 1;
  head.writeUInt16LE(text.length, 8);
  return Buffer.concat([
    head,
    Buffer.from(text, 'latin1'),
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  ]);
}
