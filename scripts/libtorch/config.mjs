/** What the resolver of LibTorch is pinned to. The code is tested with this version alone. */

export const PINNED_VERSION = '2.13.0';

/** PyTorch's own index of CPU wheels: the general index has the CUDA build under the same version. */
export const CPU_WHEEL_INDEX = 'https://download.pytorch.org/whl/cpu';

/** Where the official archives lie. No checksum is published beside them. */
export const ARCHIVE_BASE = 'https://download.pytorch.org/libtorch';

/** CUDA archives of a release, tried in this order. */
export const ARCHIVE_CUDA_NAMES = ['cu130', 'cu128', 'cu126'];

/** CPython versions whose wheels may stand in where the running Python has none: the C++ libraries are the same. */
export const WHEEL_PYTHONS = ['3.11', '3.12', '3.13', '3.10'];

/** Rough sizes, for the announcement and for the check of free space (download and unpacked tree together). */
export const SIZES = {
  cpu: { download: 190e6, needed: 900e6 },
  cuda: { download: 2.6e9, needed: 9e9 },
};

/**
 * @typedef {'cpu' | 'cuda'} Flavour
 *
 * @typedef {object} LibTorch
 * @property {string} path folder with include/ and lib/
 * @property {string} version e.g. "2.13.0+cpu"
 * @property {Flavour} flavour
 *
 * @typedef {'LIBTORCH' | 'python' | 'cache' | 'pip' | 'archive'} Source
 *
 * @typedef {LibTorch & { source: Source }} Resolved
 */

/**
 * @param {string} version "2.13.0+cpu"
 * @returns {string} "2.13"
 */
export function minorOf(version) {
  return version.split('.').slice(0, 2).join('.');
}
