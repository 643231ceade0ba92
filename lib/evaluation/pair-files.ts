import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { IMAGE_ENDING } from '../dataset/layouts/files.js';
import { compareCodePoints } from '../dataset/split.js';
import { GmisegError } from '../errors.js';
import { withoutEnding } from '../image/index.js';

/** A truth with its prediction. */
export interface FilePair {
  /** The truth's base name. */
  readonly case: string;
  readonly prediction: string;
  readonly truth: string;
}

export interface PairedFolders {
  /** In the order of the names. */
  readonly pairs: readonly FilePair[];
  /** Truths without a prediction, and predictions without a truth. */
  readonly missing: readonly string[];
  readonly extra: readonly string[];
}

/**
 * Pairs the label files of two folders by base name, whatever their formats: `a/scan.png` with `b/scan.nii.gz`. A
 * prediction that is named after nnU-Net's first channel (`scan_0000`) goes with the truth `scan`.
 * @throws GmisegError ERR_DATASET for a folder that cannot be read, or two files of one base name that would pair
 */
export async function pairFolders(predictions: string, truths: string): Promise<PairedFolders> {
  const [predicted, actual] = [await labelFiles(predictions), await labelFiles(truths)];
  const used = new Set<string>();
  const pairs: FilePair[] = [];
  const missing: string[] = [];
  for (const [name, truth] of actual) {
    const found = [name, `${name}_0000`].find((other) => predicted.has(other));
    if (found === undefined) {
      missing.push(...truth);
      continue;
    }
    used.add(found);
    pairs.push({ case: name, prediction: only(predicted.get(found)!), truth: only(truth) });
  }
  const extra = [...predicted].flatMap(([name, files]) => (used.has(name) ? [] : files));
  return { pairs, missing, extra };
}

/** Base name -> files, in code-point order. */
async function labelFiles(folder: string): Promise<Map<string, string[]>> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    throw new GmisegError(
      'ERR_DATASET',
      `${folder} cannot be read as a folder of label files: ${(cause as Error).message}`,
      { cause, details: { path: folder } },
    );
  }
  const files = new Map<string, string[]>();
  for (const name of names.sort(compareCodePoints)) {
    if (name.startsWith('.') || !IMAGE_ENDING.test(name)) continue;
    const stem = withoutEnding(name);
    files.set(stem, [...(files.get(stem) ?? []), path.join(folder, name)]);
  }
  return files;
}

function only(files: readonly string[]): string {
  if (files.length === 1) return files[0]!;
  throw new GmisegError('ERR_DATASET', `${files.join(' and ')} share a base name; keep one of them.`, {
    details: { files },
  });
}
