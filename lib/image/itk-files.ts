import { resolve } from 'node:path';
import { GmisegError } from '../errors.js';
import { writeThrough } from './atomic-write.js';
import { readHead } from './file-bytes.js';
import { type ItkImage, maskToItk, volumeFromItk } from './itk-image.js';
import type { MaskVolume, Volume } from './types.js';
import { WasmJobError, wasmJob } from './wasm-job.js';

const PACKAGE = '@itk-wasm/image-io';
const NAMES = { nrrd: 'NRRD', metaimage: 'MetaImage' } as const;

/** What the wasm runtime says of every failure, which tells nobody anything. */
const NOISE = /^(\d*$|Exception while|stdout:|stderr:\s*$|Build module|\s*$)/;

/** What ITK itself says first, in brackets; nothing where it says nothing. */
function reason(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n');
  const line = lines.find((text) => !NOISE.test(text));
  return line === undefined ? '' : ` (${line.replace(/^.*?ERROR:\s*/, '').slice(0, 200)})`;
}

const ENDINGS = { nrrd: /\.(nrrd|nhdr)$/i, metaimage: /\.(mha|mhd)$/i } as const;

/** ITK goes by a file's name, and unpacks what is packed inside the format only. */
async function checkName(path: string, format: 'nrrd' | 'metaimage'): Promise<void> {
  const { gzipped } = await readHead(path);
  const endings = format === 'nrrd' ? '.nrrd' : '.mha (or .mhd, if it is a header alone)';
  if (gzipped)
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} is a gzipped ${NAMES[format]} file; unpack it first (gunzip), its name must end in ${endings}`,
      { details: { path, format } },
    );
  if (!ENDINGS[format].test(path))
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} is a ${NAMES[format]} file by its content; rename it to end in ${endings}`,
      { details: { path, format } },
    );
}

/**
 * Reads an NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd) volume through ITK.
 * @throws GmisegError ERR_IMAGE_FORMAT (damaged; @itk-wasm/image-io is not installed), ERR_IMAGE_NOT_FOUND
 */
export async function readItkVolume(
  path: string,
  format: 'nrrd' | 'metaimage',
  signal?: AbortSignal,
): Promise<Volume> {
  const damaged = (cause?: unknown): GmisegError =>
    new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} is a ${NAMES[format]} file that cannot be read${cause === undefined ? '' : reason(cause)}; is it complete, and is the data file that its header names beside it? Copy or download it again`,
      { ...(cause === undefined ? {} : { cause }), details: { path, format } },
    );
  await checkName(path, format);
  const name = format === 'nrrd' ? 'nrrdReadImageNode' : 'metaReadImageNode';
  let result: { couldRead: boolean; image: ItkImage };
  try {
    result = await wasmJob(
      { package: PACKAGE, name, args: [resolve(path)] },
      `reading the ${NAMES[format]} file ${path}`,
      signal,
    );
  } catch (error) {
    throw error instanceof WasmJobError ? damaged(error) : error;
  }
  if (!result.couldRead) throw damaged();
  return volumeFromItk(result.image, path, { format });
}

/**
 * Writes a mask as .nrrd or .mha (compressed) with the grid of `like`. The file appears whole or not at all.
 * @throws GmisegError ERR_IO; ERR_IMAGE_FORMAT where @itk-wasm/image-io is not installed
 */
export async function writeItkMask(
  path: string,
  mask: MaskVolume,
  like: Volume,
  signal?: AbortSignal,
): Promise<void> {
  const name = /\.nrrd$/i.test(path) ? 'nrrdWriteImageNode' : 'metaWriteImageNode';
  await writeThrough(
    path,
    async (temporary) => {
      const args = [maskToItk(mask, like), temporary, { useCompression: true }];
      const { couldWrite } = await wasmJob<{ couldWrite: boolean }>(
        { package: PACKAGE, name, args },
        `writing ${path}`,
        signal,
      );
      if (!couldWrite) throw new WasmJobError('the format does not take it');
    },
    (cause) => `${reason(cause)}; does its directory exist, and may it be written?`,
    signal,
  );
}
