import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const NEEDED_FILES = [
  'lib/libtorch.so',
  'lib/libtorch_cpu.so',
  'lib/libc10.so',
  'include/ATen/core/Tensor.h',
  'include/torch/csrc/api/include/torch/types.h',
  'include/torch/headeronly/version.h',
];

/**
 * Looks at a folder that should be a LibTorch: headers, libraries, version, C++ ABI.
 *
 * @param {string} folder
 * @returns {import('./config.mjs').LibTorch}
 * @throws {Error} whose message says what is wrong with the folder
 */
export function inspectLibTorch(folder) {
  const path = resolve(folder);
  if (!existsSync(path)) throw new Error(`${path} does not exist`);
  for (const file of NEEDED_FILES) {
    if (!existsSync(join(path, file))) throw new Error(`${path} is no complete LibTorch: ${file} is missing`);
  }
  // Builds older than the C++11 ABI link, and fail to load with undefined symbols.
  if (!readFileSync(join(path, 'lib/libc10.so')).includes('__cxx11')) {
    throw new Error(`${path} was built with the old C++ ABI (no __cxx11 symbols in lib/libc10.so)`);
  }
  return {
    path,
    version: versionOf(path),
    flavour: existsSync(join(path, 'lib/libtorch_cuda.so')) ? 'cuda' : 'cpu',
  };
}

/** @param {string} path */
function versionOf(path) {
  // The wheel's version.py and the archive's build-version carry the "+cpu" that the header lacks.
  const python = readIfThere(join(path, 'version.py'))?.match(/^__version__ = '([^']+)'/m)?.[1];
  if (python) return python;
  const archive = readIfThere(join(path, 'build-version'))?.trim();
  if (archive) return archive;
  const header = readFileSync(join(path, 'include/torch/headeronly/version.h'), 'utf8');
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => header.match(new RegExp(`^#define TORCH_VERSION_${part} (\\d+)`, 'm'))?.[1],
  );
  if (parts.includes(undefined))
    throw new Error(`${path}/include/torch/headeronly/version.h tells no version`);
  return parts.join('.');
}

/** @param {string} file */
function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
