import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { GmisegError } from '../../errors.js';
import { isMeantAsImage, withoutEnding } from '../../image/index.js';
import { compareCodePoints } from '../split.js';

/** Endings of the volumes and pictures that importers look for. */
export const VOLUME_ENDING = /\.(nii|nii\.gz|nrrd|nhdr|mha|mhd|hdr|tiff?)$/i;
export const IMAGE_ENDING =
  /\.(nii|nii\.gz|nrrd|nhdr|mha|mhd|hdr|tiff?|png|jpe?g|bmp|gif|webp|p[bgp]m|p[bgp]m\.gz)$/i;

export function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** Names in a folder, in code-point order; hidden files and AppleDouble `._x` left out. Empty where there is none. */
export async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.filter((name) => !name.startsWith('.')).sort(compareCodePoints);
}

/** Puts a file under the name that it shares with its partner. Throws ERR_DATASET where another file has it. */
export function addByName(files: Map<string, string>, name: string, file: string): void {
  const other = files.get(name);
  if (other !== undefined)
    throw new GmisegError(
      'ERR_DATASET',
      `${other} and ${file} share the base name ${name}; keep one of them.`,
      {
        details: { files: [other, file] },
      },
    );
  files.set(name, file);
}

/** The images in a folder by base name. Throws ERR_DATASET where two share one. */
export async function imagesByName(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of await namesIn(folder)) {
    const file = path.join(folder, name);
    if (await isMeantAsImage(file)) addByName(files, withoutEnding(name), file);
  }
  return files;
}

/** All files below a folder, as paths relative to it, in code-point order. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort(compareCodePoints);
}

/** The first of some folders that holds what `fits` looks for; the folder itself counts. */
export async function findRoot(
  folder: string,
  below: readonly string[],
  fits: (names: readonly string[]) => boolean,
): Promise<string | null> {
  for (const part of ['', ...below]) {
    const candidate = path.join(folder, part);
    if (fits(await namesIn(candidate))) return candidate;
  }
  return null;
}

/** Some archives unpack `x.nii` as a folder around the file: the file itself. */
export async function unwrapFile(file: string): Promise<string> {
  const info = await stat(file).catch(() => null);
  if (info?.isDirectory() !== true) return file;
  const [name, ...more] = await namesIn(file);
  if (name === undefined || more.length > 0)
    throw new GmisegError(
      'ERR_DATASET',
      `${file} is a directory, not an image; put the image in its place.`,
      {
        details: { path: file },
      },
    );
  return path.join(file, name);
}

/** A text file's content. Throws ERR_DATASET with `hint` where there is none. */
export async function readText(file: string, hint: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new GmisegError('ERR_DATASET', `Cannot read ${file}. ${hint}`, { cause, details: { path: file } });
  }
}

/** Parses a JSON object from a file. Throws ERR_DATASET with `hint` where there is none. */
export async function readJsonObject(file: string, hint: string): Promise<Record<string, unknown>> {
  const text = await readText(file, hint);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new GmisegError('ERR_DATASET', `${file} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new GmisegError('ERR_DATASET', `${file} must hold a JSON object. ${hint}`);
  return json as Record<string, unknown>;
}

/** The error for a folder that does not look as its layout says. */
export function notThisLayout(folder: string, layout: string, expected: string): GmisegError {
  return new GmisegError(
    'ERR_DATASET',
    `${folder} does not look like ${layout}: expected ${expected}. Check --in, or choose another --layout.`,
    { details: { path: folder } },
  );
}
