import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { ROOT } from './project.mjs';

/** A bundle lies elsewhere; what a module says of its place is that of its source. */
const ownPlace = {
  name: 'own-place',
  /** @param {import('esbuild').PluginBuild} build */
  setup({ onLoad }) {
    onLoad({ filter: /\.(ts|mjs)$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8')
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path))),
      loader: path.endsWith('.ts') ? 'ts' : 'js',
    }));
  },
};

/**
 * Compiles test files with lib/ to JavaScript, in a second for all of them. Each test file is a process of its own:
 * a loader that compiles some 350 modules one by one, cached or not, costs every one of them more than its tests.
 *
 * @param {readonly string[]} files below test/, relative to the root
 * @param {string} folder for what is compiled, relative to the root
 * @returns {Promise<string[]>} the compiled files, relative to the root, in the same order
 */
export async function bundleTests(files, folder) {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [...files],
    outbase: join(ROOT, 'test'),
    outdir: join(ROOT, folder),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: true,
    logLevel: 'error',
    plugins: [ownPlace],
  });
  return files.map((file) => join(folder, relative('test', file).replace(/\.ts$/, '.js')));
}
