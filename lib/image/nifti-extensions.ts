/** A NIFTI header extension: code and payload. */
export interface NiftiExtension {
  readonly code: number;
  readonly data: Uint8Array;
}

/**
 * Walks the extensions in the bytes behind the four extension flags.
 * A broken one ends the walk with a warning: the voxels are found through vox_offset all the same.
 */
export function parseExtensions(
  bytes: Uint8Array,
  littleEndian: boolean,
  warnings: string[],
): NiftiExtension[] {
  const found: NiftiExtension[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + 8 <= bytes.length) {
    const size = view.getInt32(at, littleEndian);
    // Zeros up to vox_offset are padding.
    if (size === 0) break;
    if (size < 8 || at + size > bytes.length) {
      warnings.push('a header extension is damaged; it and those behind it were dropped');
      break;
    }
    found.push({ code: view.getInt32(at + 4, littleEndian), data: bytes.slice(at + 8, at + size) });
    at += size;
  }
  return found;
}

/** The extensions as they stand in a little-endian file, each padded with zeros to a multiple of 16 bytes. */
export function serialiseExtensions(extensions: readonly NiftiExtension[]): Uint8Array {
  const sizes = extensions.map(({ data }) => Math.ceil((data.length + 8) / 16) * 16);
  const out = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  extensions.forEach(({ code, data }, i) => {
    view.setInt32(at, sizes[i]!, true);
    view.setInt32(at + 4, code, true);
    out.set(data, at + 8);
    at += sizes[i]!;
  });
  return out;
}
