import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { packageRoot } from './package-root.js';

/** The commit of the package's checkout; it ends in `+` where files were changed. Null where the package is installed. */
export async function packageCommit(): Promise<string | null> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', ['-C', packageRoot().path, ...args])).stdout.trim();
  try {
    // Of this folder, not of a project around an installed package.
    if ((await git('rev-parse', '--show-prefix')) !== '') return null;
    const changed = await git('status', '--porcelain', '--untracked-files=no');
    return `${await git('rev-parse', 'HEAD')}${changed === '' ? '' : '+'}`;
  } catch {
    return null;
  }
}
