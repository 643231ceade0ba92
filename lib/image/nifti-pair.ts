import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The file beside `path` with the same stem and one of the endings, whatever its case. */
async function sibling(path: string, from: RegExp, endings: readonly string[]): Promise<string | undefined> {
  const name = basename(path);
  const stem = name.replace(from, '');
  if (stem === name) return undefined;
  let names: string[];
  try {
    names = await readdir(dirname(path));
  } catch {
    return undefined;
  }
  for (const ending of endings) {
    const found = names.find(
      (other) => other.startsWith(stem) && other.slice(stem.length).toLowerCase() === ending,
    );
    if (found !== undefined) return join(dirname(path), found);
  }
  return undefined;
}

/** The header file of a pair's `.img` (or `.img.gz`); undefined where there is none. */
export function headerPathOfImg(path: string): Promise<string | undefined> {
  return sibling(path, /\.img(\.gz)?$/i, ['.hdr', '.hdr.gz']);
}

/** The image file that belongs to a pair's header; undefined where there is none. */
export function imgPathOfHeader(path: string): Promise<string | undefined> {
  return sibling(path, /\.(hdr|nii)(\.gz)?$/i, ['.img', '.img.gz']);
}
