import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { lock } from 'proper-lockfile';
import { exists } from '../dataset/layouts/files.js';
import { GmisegError } from '../errors.js';

/** Milliseconds after which the claim of a killed process counts for nothing. */
const STALE = 15_000;

/**
 * Does work whose outcome is the file `done` once, whatever the number of processes that want it.
 * @param claim a path that stands for the work, where those processes see it
 * @param work makes `done`, as its last act
 * @returns whether `done` is there; false where another process is at it
 */
export async function once(done: string, claim: string, work: () => Promise<void>): Promise<boolean> {
  if (await exists(done)) return true;
  await mkdir(path.dirname(claim), { recursive: true });
  let release: () => Promise<void>;
  try {
    release = await lock(claim, {
      lockfilePath: `${claim}.lock`,
      realpath: false,
      stale: STALE,
      // A busy machine may be late in renewing it; that is no reason to end hours of work.
      onCompromised: () => {},
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOCKED') return false;
    throw error;
  }
  try {
    // Between the first look and the lock somebody may have finished.
    if (!(await exists(done))) await work();
    return true;
  } catch (error) {
    // The work's own lock, of a process that was killed or that lost its claim.
    if (error instanceof GmisegError && error.code === 'ERR_BUSY') return false;
    throw error;
  } finally {
    // A claim that others took for stale is no longer ours to release.
    await release().catch(() => {});
  }
}
