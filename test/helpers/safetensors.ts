export interface RawTensor {
  dtype: string;
  shape: number[];
  /** As stored. */
  data: Buffer;
}

/**
 * The tensors of a safetensors file; their data must lie one after the other and fill it. A parser of its own, so that
 * a test does not check the writer with itself.
 */
export function parseSafetensors(file: Buffer): Record<string, RawTensor> {
  const length = Number(file.readBigUInt64LE(0));
  const { __metadata__, ...header } = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const data = file.subarray(8 + length);
  let end = 0;
  const places = Object.values(header).map((entry) => entry.data_offsets);
  for (const [from, to] of places.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (from !== end) throw new Error(`gap or overlap at ${from}`);
    end = to;
  }
  if (end !== data.length) throw new Error('trailing bytes');
  return Object.fromEntries(
    Object.entries(header).map(([name, { dtype, shape, data_offsets: place }]) => [
      name,
      { dtype, shape, data: data.subarray(...place) },
    ]),
  );
}
