import { crc32 } from 'node:zlib';

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

/** A zip archive without compression, as numpy.savez writes it. */
export function zipBytes(files: Readonly<Record<string, Buffer>>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt32LE(crc32(bytes), 10);
    fields.writeUInt32LE(bytes.length, 14);
    fields.writeUInt32LE(bytes.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), fields, Buffer.from(name), bytes]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), fields, rest, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, end]);
}
