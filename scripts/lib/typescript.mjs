import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInherited } from './exec.mjs';
import { filesBelow, hashOf, ROOT, resolveDependency, say } from './project.mjs';

const STAMP = join(ROOT, 'dist', '.stamp');

function currentKey() {
  return hashOf([
    ...filesBelow('lib', /\.ts$/),
    ...filesBelow('types', /\.ts$/),
    'tsconfig.json',
    'tsconfig.build.json',
    'package-lock.json',
  ]);
}

export function isDistFresh() {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === currentKey();
}

/**
 * Compiles lib/ to dist/. The new folder is made beside the old one, so that files that are gone leave dist/ too.
 *
 * @returns {Promise<boolean>} false where the compiler found errors
 */
export async function buildDist() {
  const tsc = resolveDependency('typescript/bin/tsc');
  if (!tsc) throw new Error('typescript is not installed; run `npm ci`');
  say('compiling TypeScript');
  const key = currentKey();
  const fresh = join(ROOT, `dist.tmp-${process.pid}`);
  try {
    const status = await runInherited(
      process.execPath,
      [tsc, '-p', 'tsconfig.build.json', '--outDir', fresh],
      {
        cwd: ROOT,
      },
    );
    if (status !== 0) return false;
    // npm makes commands executable when it installs them; a clone's is run as it is.
    chmodSync(join(fresh, 'cli', 'main.js'), 0o755);
    writeFileSync(join(fresh, '.stamp'), key);
    rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
    renameSync(fresh, join(ROOT, 'dist'));
    return true;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
