import crc32c from 'crc-32/crc32c.js';

/**
 * A TFRecord: length (8 bytes, little-endian), masked CRC-32C of the length, data, masked CRC-32C of the data.
 * Source: tensorflow/core/lib/io/record_writer.h
 */
export function frameRecord(data: Uint8Array): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.length), 0);
  head.writeUInt32LE(maskedCrc(head.subarray(0, 8)), 8);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(maskedCrc(data), 0);
  return Buffer.concat([head, data, tail]);
}

/** Rotated and shifted, since a CRC of data that holds a CRC says little. Source: tensorflow/core/lib/hash/crc32c.h */
function maskedCrc(data: Uint8Array): number {
  const crc = crc32c.buf(data) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
