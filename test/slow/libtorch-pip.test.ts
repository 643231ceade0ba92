import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { WHEEL_PYTHONS } from '../../scripts/libtorch/config.mjs';
import {
  LibTorchNotFoundError,
  type ResolveOptions,
  resolveLibTorch,
} from '../../scripts/libtorch/resolve.mjs';
import {
  bareEnv,
  pythonFolder,
  realPython,
  torchFiles,
  writeTorchWheel,
  writeTree,
  writeWheel,
} from '../helpers/fake-torch.js';
import { serveFolder } from '../helpers/folder-server.js';

const quiet = { log: () => {}, exists: () => false, freeBytes: () => 1e12 } satisfies ResolveOptions;

function place(t: Parameters<typeof serveFolder>[0], more: NodeJS.ProcessEnv = {}) {
  const folder = t.testdir();
  const wheels = join(folder, 'wheels');
  const env = bareEnv(folder, { PATH: pythonFolder(join(folder, 'bin')), PIP_FIND_LINKS: wheels, ...more });
  return { folder, wheels, env, cache: join(folder, 'cache') };
}

t.test('a wheel from a folder becomes a cache entry', async (t) => {
  const { wheels, env, cache } = place(t);
  writeTorchWheel(wheels, {});
  const said: string[] = [];
  const found = await resolveLibTorch({ ...quiet, env, log: (message) => said.push(message) });
  const tree = join(cache, 'libtorch-2.13.0-cpu/torch');
  t.same(found, { path: tree, version: '2.13.0+cpu', flavour: 'cpu', source: 'pip' });
  t.match(said.join(), /LibTorch 2\.13\.0 \(cpu\) will be downloaded with pip.*about 0\.2 GB, into/);
  t.same(readdirSync(cache), ['libtorch-2.13.0-cpu'], 'no lock and no scratch folder stay');
  t.same(readdirSync(join(cache, 'libtorch-2.13.0-cpu')).sort(), ['torch', 'torch-2.13.0+cpu.dist-info']);
  for (const name of Object.keys(torchFiles())) {
    const onlyForPython = /__init__|libtorch_python/.test(name);
    t.equal(
      existsSync(join(tree, name)),
      !onlyForPython,
      `${name} is ${onlyForPython ? 'left out' : 'kept'}`,
    );
  }

  const again = await resolveLibTorch({ ...quiet, env: { ...env, PATH: join(cache, 'no-python') } });
  t.match(again, { path: tree, source: 'cache' }, 'the next time needs no python');
});

t.test('the CPU wheel is preferred to the general index', async (t) => {
  const { folder, env } = place(t);
  const index = join(folder, 'index');
  writeTorchWheel(join(index, 'general/torch'), { version: '2.13.0', flavour: 'cuda' });
  writeTorchWheel(join(index, 'cpu/torch'), { version: '2.13.0+cpu' });
  const { url, asked } = await serveFolder(t, index);
  const { PIP_NO_INDEX: _, PIP_FIND_LINKS: __, ...online } = env;
  const indexes = { PIP_INDEX_URL: `${url}/general`, GMISEG_TORCH_INDEX: `${url}/cpu` };
  const found = await resolveLibTorch({ ...quiet, env: { ...online, ...indexes } });
  t.match(found, { version: '2.13.0+cpu', flavour: 'cpu', source: 'pip' });
  t.ok(asked.some((path) => path.startsWith('/general/torch')));
  t.notOk(
    asked.some((path) => path.startsWith('/general/torch/torch-')),
    'the CUDA wheel was not fetched',
  );
});

t.test('a CUDA wheel is not taken for the CPU', async (t) => {
  const { wheels, env, cache } = place(t);
  writeTorchWheel(wheels, { version: '2.13.0', flavour: 'cuda' });
  const error = await t.rejects(resolveLibTorch({ ...quiet, env }), LibTorchNotFoundError);
  t.match(error, { message: /pip: pip found only a CUDA build, torch-2\.13\.0-/ });
  t.same(readdirSync(cache), []);
});

t.test('another Python version’s wheel will do', async (t) => {
  const { wheels, env } = place(t);
  const running = execFileSync(realPython(), ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
    encoding: 'utf8',
  }).trim();
  const python = WHEEL_PYTHONS.filter((version) => version !== running)[0]!;
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const cp = `cp${python.replace('.', '')}`;
  writeTorchWheel(wheels, {}, { tag: `${cp}-${cp}-manylinux_2_28_${machine}` });
  t.match(await resolveLibTorch({ ...quiet, env }), { version: '2.13.0+cpu', source: 'pip' });
});

t.test('a file that is not what RECORD says is refused', async (t) => {
  const { wheels, env, cache } = place(t);
  const tampered = { 'torch/lib/libtorch_cpu.so': 'torch_cpV' };
  writeTorchWheel(wheels, {}, { tampered });
  const error = await t.rejects(resolveLibTorch({ ...quiet, env }), LibTorchNotFoundError);
  t.match(error, {
    message: /torch\/lib\/libtorch_cpu\.so does not have the sha256 that the wheel's RECORD/,
  });
  t.same(readdirSync(cache), [], 'nothing stays behind');
});

t.test('CUDA: torch and its NVIDIA dependencies side by side', async (t) => {
  const { wheels, env, cache } = place(t, { GMISEG_LIBTORCH: 'cuda' });
  writeTorchWheel(wheels, { version: '2.13.0+cpu' });
  const requires = ['nvidia-fake==1.0', 'elsewhere==1.0'];
  writeTorchWheel(wheels, { version: '2.13.0', flavour: 'cuda' }, { requires });
  writeWheel(wheels, {
    name: 'nvidia_fake',
    version: '1.0',
    files: { 'nvidia/fake/lib/libfake.so': 'fake' },
  });
  writeWheel(wheels, { name: 'elsewhere', version: '1.0', files: { 'elsewhere/__init__.py': '' } });
  const found = await resolveLibTorch({ ...quiet, env });
  t.match(found, { version: '2.13.0', flavour: 'cuda', source: 'pip' });
  const entry = join(cache, 'libtorch-2.13.0-cuda');
  t.equal(readFileSync(join(entry, 'nvidia/fake/lib/libfake.so'), 'utf8'), 'fake');
  t.notOk(existsSync(join(entry, 'elsewhere')), 'what only Python needs is left out');
});

t.test('a damaged cache entry is replaced, leftovers of a killed process are swept', async (t) => {
  const { wheels, env, cache } = place(t);
  writeTorchWheel(wheels, {});
  writeTree(join(cache, 'libtorch-2.13.0-cpu/torch'), { 'lib/libtorch.so': '' });
  writeTree(join(cache, 'libtorch-2.13.0-cpu.tmp-99999'), { 'wheel/half.whl': 'PK' });
  t.match(await resolveLibTorch({ ...quiet, env }), { source: 'pip' });
  t.same(readdirSync(cache), ['libtorch-2.13.0-cpu']);
});

t.test('a Python without pip is named', async (t) => {
  const { folder, env } = place(t);
  const PATH = writeTree(join(folder, 'nopip'), { python3: '#!/bin/sh\nexit 1\n' });
  chmodSync(join(PATH, 'python3'), 0o755);
  const error = await t.rejects(resolveLibTorch({ ...quiet, env: { ...env, PATH } }));
  t.match(error, { message: /pip: .*nopip\/python3 has no pip \(install python3-pip\)/ });
});

t.test('pip’s own words stand in the message', async (t) => {
  const { wheels, env } = place(t);
  writeTree(wheels, { 'README.txt': 'no wheel here\n' });
  const error = await t.rejects(resolveLibTorch({ ...quiet, env }), LibTorchNotFoundError);
  t.match(error, {
    message: /pip: pip download failed: .*\n? *.*No matching distribution found for torch==2\.13\.0/,
  });
});
