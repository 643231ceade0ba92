import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { GmisegError } from '../errors.js';
import { baseName } from '../image/index.js';
import type { PredictFlags } from './predict-flags.js';
import { objectsOf, type PromptFile, readPromptFile } from './prompt-plan.js';
import type { WorkItem } from './result-paths.js';
import { FIT_FLAGS } from './task-flags.js';
import { flagOf, UsageError } from './usage-error.js';

/** Where prompts come from. */
export interface PromptSource {
  readonly kind: string;
  readonly file: PromptFile | null;
  /** The ground truth that belongs to an item, with --box-from. */
  truthOf(item: WorkItem): Promise<string | null>;
}

/** Checks the flags that say what to segment; throws a UsageError where they contradict or are missing. */
export async function readPrompts(flags: PredictFlags): Promise<PromptSource> {
  for (const name of [...FIT_FLAGS, 'axes', 'neighbours', 'uncertainty'] as const) {
    if (flags[name] !== undefined) {
      throw new UsageError(`${flagOf(name)} goes with examples: add --support DIR (or --task FILE).`);
    }
  }
  const direct = flags.point !== undefined || flags.box !== undefined || flags.mask !== undefined;
  const sources = [direct, flags.prompts !== undefined, flags.boxFrom !== undefined].filter(Boolean).length;
  if (sources === 0) {
    throw new UsageError(
      'Say what to segment: --support DIR, --task FILE, --point x,y, --box x0,y0,x1,y1, --mask FILE, --prompts FILE or --box-from FILE.',
    );
  }
  if (sources > 1)
    throw new UsageError('--point, --box and --mask, --prompts, and --box-from exclude one another.');
  if (flags.label !== undefined && flags.boxFrom === undefined)
    throw new UsageError('--label goes with --box-from or --support.');
  // Checked before the model is loaded: a wrong command line should not cost that time.
  objectsOf({ points: flags.point ?? [], boxes: flags.box ?? [] });
  if (flags.mask !== undefined && (flags.box?.length ?? 0) > 1) {
    throw new UsageError('--mask beside several boxes: which object does it belong to? Give one box.');
  }
  const { boxFrom, prompts } = flags;
  return {
    kind: boxFrom !== undefined ? 'ground-truth boxes' : prompts !== undefined ? 'prompt file' : 'given',
    file: prompts === undefined ? null : await readPromptFile(prompts),
    truthOf: async (item) => (boxFrom === undefined ? null : await findTruth(boxFrom, item)),
  };
}

/** The ground truth of an item: the file itself, or the file of the same name (nnU-Net's _0000 cut off) in a folder. */
async function findTruth(boxFrom: string, { input, base }: WorkItem): Promise<string> {
  const there = await stat(boxFrom).catch(() => null);
  if (there === null) throw new GmisegError('ERR_IMAGE_NOT_FOUND', `--box-from ${boxFrom} does not exist.`);
  if (!there.isDirectory()) return boxFrom;
  const names = [base, base.replace(/_\d{4}$/, '')];
  const found = (await readdir(boxFrom)).find(
    (file) => !file.startsWith('.') && names.includes(baseName(file)),
  );
  if (found === undefined) {
    throw new GmisegError(
      'ERR_IMAGE_NOT_FOUND',
      `--box-from ${boxFrom} holds no mask of the name ${names[1]}, which ${input} needs.`,
    );
  }
  return path.join(boxFrom, found);
}
