/** A LibTorch, a wheel or an archive of a few hundred bytes, for the resolver's tests. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { zipBytes } from './zip-bytes.js';

export interface FakeTorch {
  version?: string;
  flavour?: 'cpu' | 'cuda';
  /** Built with the C++ ABI of before GCC 5. */
  oldAbi?: boolean;
}

/** The files of a LibTorch as a wheel has them, relative to torch/. */
export function torchFiles({ version = '2.13.0+cpu', flavour = 'cpu', oldAbi = false }: FakeTorch = {}) {
  const [major, minor, patch] = version.split('+')[0]!.split('.');
  const header = [
    `#define TORCH_VERSION_MAJOR ${major}`,
    `#define TORCH_VERSION_MINOR ${minor}`,
    `#define TORCH_VERSION_PATCH ${patch}`,
  ];
  const files: Record<string, string> = {
    '__init__.py': 'raise RuntimeError("the resolver must not import torch")\n',
    'version.py': `__version__ = '${version}'\n`,
    'include/ATen/core/Tensor.h': '#pragma once\n',
    'include/torch/csrc/api/include/torch/types.h': '#pragma once\n',
    'include/torch/headeronly/version.h': `${header.join('\n')}\n`,
    'lib/libtorch.so': 'torch',
    'lib/libtorch_cpu.so': 'torch_cpu',
    'lib/libc10.so': oldAbi ? 'Ss' : 'NSt7__cxx1112basic_string',
    'lib/libtorch_python.so': 'needless',
  };
  if (flavour === 'cuda') files['lib/libtorch_cuda.so'] = 'torch_cuda';
  return files;
}

/** Writes `files` below `folder` and returns it. */
export function writeTree(folder: string, files: Record<string, string>): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

export interface FakeWheel {
  /** Distribution, "torch" or "nvidia_fake". */
  name?: string;
  version?: string;
  tag?: string;
  requires?: string[];
  files: Record<string, string>;
  /** Files whose contents differ from what RECORD says. */
  tampered?: Record<string, string>;
}

/** Writes a wheel into `folder` and returns its path. */
export function writeWheel(folder: string, wheel: FakeWheel): string {
  const {
    name = 'torch',
    version = '2.13.0+cpu',
    tag = 'py3-none-any',
    requires = [],
    files,
    tampered,
  } = wheel;
  const info = `${name}-${version}.dist-info`;
  const all: Record<string, string> = {
    ...files,
    [`${info}/METADATA`]: [
      'Metadata-Version: 2.1',
      `Name: ${name}`,
      `Version: ${version}`,
      ...requires.map((requirement) => `Requires-Dist: ${requirement}`),
      '',
    ].join('\n'),
    [`${info}/WHEEL`]: `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: ${tag}\n`,
  };
  const record = Object.entries(all).map(([path, text]) => {
    const sha256 = createHash('sha256').update(text).digest('base64url');
    return `${path},sha256=${sha256},${text.length}`;
  });
  all[`${info}/RECORD`] = `${record.join('\n')}\n${info}/RECORD,,\n`;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}-${version}-${tag}.whl`);
  writeFileSync(path, zipBytes({ ...all, ...tampered }));
  return path;
}

/** A torch wheel; `flavour` and `version` as in torchFiles. */
export function writeTorchWheel(
  folder: string,
  torch: FakeTorch,
  wheel: Omit<FakeWheel, 'files'> = {},
): string {
  const files = Object.entries(torchFiles(torch)).map(([path, text]) => [`torch/${path}`, text]);
  const version = torch.version ?? '2.13.0+cpu';
  return writeWheel(folder, { version, ...wheel, files: Object.fromEntries(files) });
}

/** The interpreter itself, not a shim that picks one. */
export function realPython(): string {
  const code = 'import sys; print(sys.executable)';
  return execFileSync('python3', ['-c', code], { encoding: 'utf8' }).trim();
}

/**
 * A folder for the PATH with a python3 that is the real one, without any torch that is installed there unless
 * `seesTorch`. It notes every pip command in pip.log.
 */
export function pythonFolder(folder: string, { seesTorch = false } = {}): string {
  const script = [
    '#!/bin/sh',
    'case "$*" in',
    ...(seesTorch ? [] : ['  *find_spec*torch*) exit 0 ;;']),
    `  *" pip download "*|*" pip install "*) echo "$*" >> '${folder}/pip.log' ;;`,
    'esac',
    `exec '${realPython()}' "$@"`,
  ];
  writeTree(folder, { python3: `${script.join('\n')}\n` });
  chmodSync(join(folder, 'python3'), 0o755);
  return folder;
}

/** An environment in which the resolver sees nothing of this machine. */
export function bareEnv(folder: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  mkdirSync(join(folder, 'home'), { recursive: true });
  mkdirSync(join(folder, 'nothing'), { recursive: true });
  return {
    HOME: join(folder, 'home'),
    PATH: join(folder, 'nothing'),
    GMISEG_CACHE: join(folder, 'cache'),
    GMISEG_LIBTORCH: 'cpu',
    // No pip configuration of this machine; no index unless a test names one.
    PIP_CONFIG_FILE: '/dev/null',
    PIP_NO_INDEX: '1',
    GMISEG_TORCH_INDEX: '',
    ...more,
  };
}
