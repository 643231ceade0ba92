import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { GmisegError } from '../errors.js';
import {
  baseName,
  isHalfOfPair,
  isPictureFormat,
  isVolumeFormat,
  isVolumePath,
  sniffFormat,
  wrongFormatError,
} from '../image/index.js';
import { UsageError } from './usage-error.js';

/** One picture or volume to work on, and where its result goes. */
export interface WorkItem {
  readonly input: string;
  /** The input's name without folder and ending. */
  readonly base: string;
  readonly isVolume: boolean;
  readonly out: string;
  readonly overlay: string;
}

const RESULT_ENDING = /\.(png|nii|nii\.gz|nrrd|mha|dcm)$/i;

/**
 * What --image and --out mean together: a file, or every picture and volume of a
 * folder; results keep the base name, PNG for a picture and NIfTI for a volume. A
 * folder of DICOM files is one volume. A named file may be .nrrd, .mha or .dcm too.
 * `skipped` are files of the folder that cannot be read as either; the voxels of a pair go with their header. Throws where a result would
 * replace an input, or two inputs share a result.
 */
export async function planResults(
  image: string,
  out: string,
): Promise<{ items: WorkItem[]; skipped: string[] }> {
  const there = await stat(image).catch(() => null);
  if (there === null) {
    throw new GmisegError(
      'ERR_IMAGE_NOT_FOUND',
      `--image ${image} does not exist; name a picture, a volume or a folder of them.`,
      {
        details: { path: image },
      },
    );
  }
  const folder = there.isDirectory() && (await sniffFormat(image).catch(() => null)) !== 'dicom';
  const inputs = folder ? await imagesIn(image) : { files: [image], skipped: [] };
  if (inputs.files.length === 0) {
    const [first] = inputs.skipped;
    const why =
      first === undefined ? '' : ` ${wrongFormatError(first, await sniffFormat(first), 'volume').message}.`;
    throw new GmisegError('ERR_IMAGE_NOT_FOUND', `--image ${image} holds no picture and no volume.${why}`, {
      details: { path: image },
    });
  }
  const toFile = !folder && RESULT_ENDING.test(out) && !(await isFolder(out));
  if (!toFile && (await stat(out).catch(() => null))?.isFile() === true) {
    throw new UsageError(
      `--out ${out} is a file; name a folder${folder ? '' : ', or a .png (picture) or .nii.gz (volume) file'}.`,
    );
  }
  const items: WorkItem[] = [];
  for (const input of inputs.files) {
    const isVolume = await isVolumePath(input);
    const base = baseName(input);
    if (toFile && isVolume === /\.png$/i.test(out)) {
      throw new UsageError(
        `--out ${out}: the mask of a ${isVolume ? 'volume is .nii, .nii.gz, .nrrd, .mha or (of a DICOM series) .dcm' : 'picture is .png'}.`,
      );
    }
    const ending = isVolume ? (/\.nii$/i.test(input) ? '.nii' : '.nii.gz') : '.png';
    const target = toFile ? out : path.join(out, base + ending);
    items.push({
      input,
      base,
      isVolume,
      out: target,
      overlay: path.join(path.dirname(target), `${baseName(target)}_overlay.png`),
    });
  }
  await refuseCollisions(items);
  return { items, skipped: inputs.skipped };
}

async function imagesIn(folder: string): Promise<{ files: string[]; skipped: string[] }> {
  const files: string[] = [];
  const skipped: string[] = [];
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.') || entry.isDirectory()) continue;
    const file = path.join(folder, entry.name);
    const format = await sniffFormat(file);
    if (await isHalfOfPair(file)) continue;
    // ANALYZE counts as a volume, but is refused.
    const readable = isPictureFormat(format) || (isVolumeFormat(format) && format !== 'analyze');
    (readable ? files : skipped).push(file);
  }
  return { files, skipped };
}

async function refuseCollisions(items: readonly WorkItem[]): Promise<void> {
  const inputs = new Set<string>();
  for (const { input } of items) inputs.add(await realpath(input));
  const results = new Map<string, string>();
  for (const { input, out, overlay } of items) {
    for (const file of [out, overlay]) {
      const real = await realpath(file).catch(() => path.resolve(file));
      if (inputs.has(real)) {
        throw new UsageError(
          `--out: ${file} is an input; results never replace images. Name another folder.`,
        );
      }
      const other = results.get(real);
      if (other !== undefined)
        throw new UsageError(`${other} and ${input} would both be written to ${file}; rename one of them.`);
      results.set(real, input);
    }
  }
}

async function isFolder(file: string): Promise<boolean> {
  return (await stat(file).catch(() => null))?.isDirectory() === true;
}
