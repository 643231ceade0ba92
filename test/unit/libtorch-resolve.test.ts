import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { chooseFlavour } from '../../scripts/libtorch/flavour.mjs';
import {
  LibTorchNotFoundError,
  type ResolveOptions,
  resolveLibTorch,
  writeChoice,
} from '../../scripts/libtorch/resolve.mjs';
import { bareEnv, pythonFolder, torchFiles, writeTree } from '../helpers/fake-torch.js';

const quiet = { log: () => {}, exists: () => false, freeBytes: () => 1e12 } satisfies ResolveOptions;

async function failure(env: NodeJS.ProcessEnv, options: ResolveOptions = {}) {
  try {
    await resolveLibTorch({ ...quiet, ...options, env });
  } catch (error) {
    if (error instanceof LibTorchNotFoundError) return error;
    throw error;
  }
  throw new Error('LibTorch was found');
}

t.test('LIBTORCH', async (t) => {
  const folder = t.testdir();
  const good = writeTree(join(folder, 'good'), torchFiles());
  t.same(await resolveLibTorch({ ...quiet, env: bareEnv(folder, { LIBTORCH: good }) }), {
    path: good,
    version: '2.13.0+cpu',
    flavour: 'cpu',
    source: 'LIBTORCH',
  });

  t.test('of a CUDA build is taken whatever the flavour asked for', async (t) => {
    const cuda = writeTree(join(folder, 'cuda'), torchFiles({ version: '2.13.1+cu130', flavour: 'cuda' }));
    const found = await resolveLibTorch({ ...quiet, env: bareEnv(folder, { LIBTORCH: cuda }) });
    t.match(found, { flavour: 'cuda', version: '2.13.1+cu130' });
  });

  t.test('of an archive without version.py tells its version too', async (t) => {
    const { 'version.py': _, ...files } = torchFiles();
    const plain = writeTree(join(folder, 'plain'), files);
    t.equal(
      (await resolveLibTorch({ ...quiet, env: bareEnv(folder, { LIBTORCH: plain }) })).version,
      '2.13.0',
    );
    const built = writeTree(join(folder, 'built'), { ...files, 'build-version': '2.13.0+cpu\n' });
    t.equal(
      (await resolveLibTorch({ ...quiet, env: bareEnv(folder, { LIBTORCH: built }) })).version,
      '2.13.0+cpu',
    );
  });

  t.test('that does not fit is an error, not a reason to look elsewhere', async (t) => {
    writeTree(join(folder, 'cache/libtorch-2.13.0-cpu/torch'), torchFiles());
    const older = writeTree(join(folder, 'older'), torchFiles({ version: '2.12.1+cpu' }));
    const cases: [string, RegExp][] = [
      [join(folder, 'missing'), /missing does not exist/],
      [older, /is LibTorch 2\.12\.1\+cpu; gmiseg is built and tested with 2\.13/],
      [writeTree(join(folder, 'abi'), torchFiles({ oldAbi: true })), /old C\+\+ ABI/],
      [writeTree(join(folder, 'half'), { 'lib/libtorch.so': '' }), /lib\/libtorch_cpu\.so is missing/],
    ];
    for (const [path, message] of cases)
      t.match((await failure(bareEnv(folder, { LIBTORCH: path }))).message, message);

    const env = bareEnv(folder, { LIBTORCH: older, GMISEG_TORCH_VERSION: '2.12.0' });
    t.equal((await resolveLibTorch({ ...quiet, env })).path, older, 'another version on demand');
  });
});

t.test('python torch', async (t) => {
  const folder = t.testdir();
  const PATH = pythonFolder(join(folder, 'bin'), { seesTorch: true });
  const site = join(folder, 'site');
  // Its __init__.py raises: importing it would fail.
  const torch = writeTree(join(site, 'torch'), torchFiles());
  const env = bareEnv(folder, { PATH, PYTHONPATH: site });
  t.same(await resolveLibTorch({ ...quiet, env }), {
    path: torch,
    version: '2.13.0+cpu',
    flavour: 'cpu',
    source: 'python',
  });

  t.test('of another flavour is left out when the flavour was asked for', async (t) => {
    const error = await failure({ ...env, GMISEG_LIBTORCH: 'cuda' });
    t.match(error.message, /python torch: .*is a cpu build; GMISEG_LIBTORCH=cuda asks for another/);
  });

  t.test('of the CPU is taken on a machine with a driver, and said', async (t) => {
    const { GMISEG_LIBTORCH: _, ...unasked } = env;
    const said: string[] = [];
    const options = { ...quiet, exists: () => true, log: (message: string) => said.push(message) };
    t.match(await resolveLibTorch({ ...options, env: unasked }), { source: 'python', flavour: 'cpu' });
    t.match(said.join(), /CPU build, though this machine has an NVIDIA driver/);
  });

  t.test('of another minor version is passed by', async (t) => {
    const other = join(folder, 'other');
    writeTree(join(other, 'torch'), torchFiles({ version: '2.11.0+cpu' }));
    const cached = writeTree(join(folder, 'cache/libtorch-2.13.0-cpu/torch'), torchFiles());
    t.match(await resolveLibTorch({ ...quiet, env: { ...env, PYTHONPATH: other } }), {
      path: cached,
      source: 'cache',
    });
  });
});

t.test('cache', async (t) => {
  const folder = t.testdir();
  const cpu = writeTree(join(folder, 'cache/libtorch-2.13.0-cpu/torch'), torchFiles());
  const cuda = writeTree(
    join(folder, 'cache/libtorch-2.13.0-cuda/torch'),
    torchFiles({ version: '2.13.0+cu130', flavour: 'cuda' }),
  );
  t.match(await resolveLibTorch({ ...quiet, env: bareEnv(folder) }), { path: cpu, source: 'cache' });
  const wantsCuda = bareEnv(folder, { GMISEG_LIBTORCH: 'cuda' });
  t.match(await resolveLibTorch({ ...quiet, env: wantsCuda }), {
    path: cuda,
    flavour: 'cuda',
    source: 'cache',
  });

  t.test('lies in the home folder by default', async (t) => {
    const { GMISEG_CACHE: _, ...env } = bareEnv(folder);
    const path = writeTree(join(folder, 'home/.cache/gmiseg/libtorch-2.13.0-cpu/torch'), torchFiles());
    t.match(await resolveLibTorch({ ...quiet, env }), { path, source: 'cache' });
    const xdg = writeTree(join(folder, 'xdg/gmiseg/libtorch-2.13.0-cpu/torch'), torchFiles());
    t.match(await resolveLibTorch({ ...quiet, env: { ...env, XDG_CACHE_HOME: join(folder, 'xdg') } }), {
      path: xdg,
    });
  });
});

t.test('flavour', async (t) => {
  const driver = (path: string) => path.startsWith('/proc/driver/nvidia');
  t.same(
    chooseFlavour({}, () => false),
    { flavour: 'cpu', asked: false },
  );
  t.same(chooseFlavour({}, driver), { flavour: 'cuda', asked: false });
  t.same(chooseFlavour({ GMISEG_LIBTORCH: 'cpu' }, driver), { flavour: 'cpu', asked: true });
  t.same(
    chooseFlavour({ GMISEG_LIBTORCH: 'cuda' }, () => false),
    { flavour: 'cuda', asked: true },
  );
  t.throws(() => chooseFlavour({ GMISEG_LIBTORCH: 'gpu' }), /"gpu"; it may be "cpu" or "cuda"/);
});

t.test('nothing anywhere', async (t) => {
  const folder = t.testdir();
  const { message, attempts } = await failure(bareEnv(folder));
  t.same(
    attempts.map(({ source }) => source),
    ['LIBTORCH', 'python torch', 'cache', 'pip', 'archive'],
  );
  t.match(message, /LIBTORCH: not set/);
  t.match(message, /python torch: no python3 on the PATH/);
  t.match(message, /cache: .*libtorch-2\.13\.0-cpu\/torch does not exist/);
  t.match(message, /pip: no python3 on the PATH/);
  t.match(message, /archive: not asked for/);
  for (const remedy of [
    'apt-get install python3-pip',
    'pip install torch==2.13.0',
    'export LIBTORCH=',
    'export GMISEG_LIBTORCH_ARCHIVE=1',
  ]) {
    t.ok(message.includes(remedy), remedy);
  }
});

t.test('a cache that cannot be made is told, with what was tried before', async (t) => {
  const folder = t.testdir({ file: '' });
  const { message, attempts } = await failure(
    bareEnv(folder, { GMISEG_CACHE: join(folder, 'file', 'cache') }),
  );
  t.match(message, /cache: .*ENOTDIR.*; set GMISEG_CACHE to another folder/);
  t.equal(attempts[0]?.source, 'LIBTORCH');
});

t.test('a full disk is told before anything is downloaded', async (t) => {
  const folder = t.testdir();
  const PATH = pythonFolder(join(folder, 'bin'));
  const { message } = await failure(bareEnv(folder, { PATH }), { freeBytes: () => 1e8 });
  t.match(message, /0\.9 GB are needed, 0\.1 GB are free in .*cache/);
  t.notOk(existsSync(join(PATH, 'pip.log')), 'pip was not run');
});

t.test('the choice is written beside the addon', async (t) => {
  const folder = t.testdir();
  mkdirSync(join(folder, 'x'));
  const file = join(folder, 'build/libtorch.json');
  writeChoice(file, { path: '/opt/libtorch', version: '2.13.0', flavour: 'cpu', source: 'LIBTORCH' });
  t.match(JSON.parse(readFileSync(file, 'utf8')), { path: '/opt/libtorch', source: 'LIBTORCH' });
});
