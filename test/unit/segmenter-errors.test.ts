/** Errors on their way from the native side, and the loader's own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { callSite, ERROR_CODES, errorAt, fromNative, GmisegError } from '../../lib/errors.js';
import { native } from '../../lib/native.js';
import { packageRoot } from '../../lib/package-root.js';
import { runChild } from '../helpers/child.js';

t.test('every code of the native side is a code of GmisegError', async (t) => {
  const codes = native().errorCodes();
  t.equal(new Set(codes).size, codes.length);
  t.same(
    codes.filter((code) => !ERROR_CODES.includes(code as never)),
    [],
  );
  const ours = [
    'ERR_BINDING_NOT_FOUND',
    'ERR_BINDING_INCOMPATIBLE',
    'ERR_IMAGE_NOT_FOUND',
    'ERR_IMAGE_FORMAT',
  ];
  t.same([...codes, ...ours].sort(), [...ERROR_CODES].sort(), 'and lib adds these only');
});

t.test('a native rejection becomes a GmisegError with the stack of the call', async (t) => {
  function publicCall() {
    return callSite(publicCall);
  }
  function user() {
    return publicCall();
  }
  const error = fromNative({ code: 'ERR_IO', message: 'It failed.', native: 'ENOSPC' }, user());
  t.ok(error instanceof GmisegError);
  t.match(error, { name: 'GmisegError', code: 'ERR_IO', message: 'It failed.', cause: 'ENOSPC' });
  const stack = (error as Error).stack ?? '';
  t.match(stack, /^GmisegError: It failed\.\n {4}at user /);
  t.notMatch(stack, /publicCall|fromNative/);
  t.notOk('cause' in errorAt(user(), 'ERR_IO', 'x'));
});

t.test('what is no native rejection stays what it is', async (t) => {
  const site = callSite(() => {});
  for (const reason of [new Error('x'), 5, undefined, null, { code: 'ERR_IO' }, 'text']) {
    t.equal(fromNative(reason, site), reason);
  }
});

t.test('a loader that finds no addon says where it looked and what to do', async (t) => {
  const { code, stdout, stderr } = await runChild('addon.mjs', ['loader'], {
    env: { GMISEG_BINDING: '/no/such.node' },
  });
  t.equal(code, 0, stderr);
  const { error } = JSON.parse(stdout);
  t.equal(error.code, 'ERR_BINDING_NOT_FOUND');
  t.match(error.message, /\/no\/such\.node: no such file/);
  t.match(error.message, /GMISEG_BINDING/);
});

t.test('an addon that cannot be loaded: the text of dlopen', async (t) => {
  const path = join(t.testdir(), 'broken.node');
  writeFileSync(path, 'this is no shared object');
  const { stdout } = await runChild('addon.mjs', ['loader'], { env: { GMISEG_BINDING: path } });
  const { error } = JSON.parse(stdout);
  t.equal(error.code, 'ERR_BINDING_NOT_FOUND');
  t.match(error.message, /broken\.node: .*(invalid ELF header|file too short)/);
  t.match(error.cause, /invalid ELF header|file too short/);
});

t.test('an addon of another version or LibTorch is refused', async (t) => {
  const { version } = packageRoot();
  const cases = [
    { version: '0.0.0-other', torch: '2.13.0', built: '2.13.0', message: /is of gmiseg 0\.0\.0-other/ },
    {
      version,
      torch: '2.12.1+cpu',
      built: '2.13.0+cpu',
      message: /built against LibTorch 2\.13\.0\+cpu, but LibTorch 2\.12\.1\+cpu/,
    },
    { version, torch: undefined, built: '2.13.0', message: /does not tell its version/ },
  ];
  for (const { version, torch, built, message } of cases) {
    // The loader takes a CommonJS module as well as a shared object, so that one can stand in for an old addon.
    const path = join(t.testdir(), 'old.cjs');
    const info = JSON.stringify(JSON.stringify({ torch, torchBuilt: built }));
    writeFileSync(path, `exports.version = '${version}'; exports.runtimeInfo = () => ${info};`);
    const { stdout, stderr } = await runChild('addon.mjs', ['loader'], { env: { GMISEG_BINDING: path } });
    const { error } = JSON.parse(stdout || `{"error":{"message":${JSON.stringify(stderr)}}}`);
    t.equal(error.code, 'ERR_BINDING_INCOMPATIBLE');
    t.match(error.message, message);
    t.match(error.message, /npm run build/);
  }
});

t.test(
  'importing gmiseg does not load LibTorch; the first use does, with passive OpenMP threads',
  async (t) => {
    const { code, stdout, stderr } = await runChild('addon.mjs', [], { env: { OMP_WAIT_POLICY: undefined } });
    t.equal(code, 0, stderr);
    t.match(JSON.parse(stdout), {
      mappedBefore: false,
      mappedAfter: true,
      policy: 'passive',
      info: { torch: /^2\./ },
    });
  },
);

t.test('OMP_WAIT_POLICY of the user stays', async (t) => {
  const { stdout } = await runChild('addon.mjs', ['loader'], { env: { OMP_WAIT_POLICY: 'active' } });
  t.match(JSON.parse(stdout), { policy: 'active' });
});
