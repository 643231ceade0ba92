import { createHash } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { archiveUrls } from '../../scripts/libtorch/archive.mjs';
import {
  LibTorchNotFoundError,
  type ResolveOptions,
  resolveLibTorch,
} from '../../scripts/libtorch/resolve.mjs';
import { checkRecord, parseRecord, unzip } from '../../scripts/libtorch/unpack.mjs';
import { bareEnv, torchFiles, writeTree } from '../helpers/fake-torch.js';
import { serveFolder } from '../helpers/folder-server.js';
import { zipBytes } from '../helpers/zip-bytes.js';

const quiet = { log: () => {}, exists: () => false, freeBytes: () => 1e12 } satisfies ResolveOptions;

function archiveOf(files: Record<string, string>) {
  return zipBytes(
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`libtorch/${name}`, text])),
  );
}

t.test('the archive is fetched only when asked for, and its sha256 is told', async (t) => {
  const folder = t.testdir();
  const { 'version.py': _, ...files } = torchFiles();
  const bytes = archiveOf({ ...files, 'build-version': '2.13.0+cpu\n' });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  writeTree(folder, { 'www/README': '' });
  writeFileSync(join(folder, 'www/libtorch.zip'), bytes);
  const { url, asked } = await serveFolder(t, join(folder, 'www'));
  const env = bareEnv(folder, { GMISEG_LIBTORCH_ARCHIVE_URL: `${url}/libtorch.zip` });

  await t.rejects(resolveLibTorch({ ...quiet, env }), { message: /archive: not asked for/ });
  t.same(asked, [], 'no request without leave');

  const wrong = { ...env, GMISEG_LIBTORCH_ARCHIVE: '1', GMISEG_LIBTORCH_ARCHIVE_SHA256: '0'.repeat(64) };
  await t.rejects(resolveLibTorch({ ...quiet, env: wrong }), {
    message: new RegExp(`sha256 is ${sha256}, not`),
  });
  t.same(readdirSync(join(folder, 'cache')), []);

  const said: string[] = [];
  const log = (message: string) => said.push(message);
  const found = await resolveLibTorch({ ...quiet, log, env, allowArchive: true });
  t.match(found, {
    version: '2.13.0+cpu',
    source: 'archive',
    path: join(folder, 'cache/libtorch-2.13.0-cpu/torch'),
  });
  t.match(said.join('\n'), `sha256 ${sha256} (not verified: no checksum of this archive is published)`);
  t.same(readdirSync(join(folder, 'cache')), ['libtorch-2.13.0-cpu']);
});

t.test('an unreachable archive is one more reason in the message', async (t) => {
  const folder = t.testdir({ www: {} });
  const { url } = await serveFolder(t, join(folder, 'www'));
  const env = bareEnv(folder, {
    GMISEG_LIBTORCH_ARCHIVE: '1',
    GMISEG_LIBTORCH_ARCHIVE_URL: `${url}/gone.zip`,
  });
  const error = await t.rejects(resolveLibTorch({ ...quiet, env }), LibTorchNotFoundError);
  t.match(error, { message: /archive: .*gone\.zip: HTTP 404/ });
});

t.test('the official addresses', async (t) => {
  t.same(
    archiveUrls('2.13.0', 'cpu', {}).map((url) => url.split('/').slice(-2)),
    [['cpu', 'libtorch-shared-with-deps-2.13.0%2Bcpu.zip']],
  );
  t.match(archiveUrls('2.13.0', 'cuda', {})[0], /\/cu130\/libtorch-shared-with-deps-2\.13\.0%2Bcu130\.zip$/);
});

t.test('an archive that writes outside of its folder is refused', async (t) => {
  for (const name of [
    '../evil.txt',
    'libtorch/../../evil.txt',
    '/tmp/gmiseg-evil.txt',
    'libtorch\\..\\..\\evil.txt',
  ]) {
    const folder = t.testdir({ target: {} });
    writeFileSync(join(folder, 'a.zip'), zipBytes({ [name]: 'evil' }));
    // yauzl reads a backslash as a slash, as the archives of some Windows tools need.
    await t.rejects(
      unzip(join(folder, 'a.zip'), join(folder, 'target'), () => true),
      Error,
      name,
    );
    t.notOk(existsSync(join(folder, 'evil.txt')) || existsSync('/tmp/gmiseg-evil.txt'), name);
  }
});

t.test('a truncated archive is refused', async (t) => {
  const folder = t.testdir({ target: {} });
  const bytes = archiveOf(torchFiles());
  writeFileSync(join(folder, 'a.zip'), bytes.subarray(0, bytes.length - 30));
  await t.rejects(unzip(join(folder, 'a.zip'), join(folder, 'target'), () => true));
});

t.test('RECORD lines', async (t) => {
  const record = parseRecord(
    'a/b.so,sha256=AbC-_1,12\r\n"with,comma ""x"".h",sha256=Zz,3\nd-info/RECORD,,\n',
  );
  t.same(
    [...record],
    [
      ['a/b.so', 'AbC-_1'],
      ['with,comma "x".h', 'Zz'],
    ],
  );
});

t.test('every file must be in RECORD, with its checksum', async (t) => {
  const record = new Map([['torch/a.so', 'AAAA']]);
  const check = (files: [string, string][]) => checkRecord(new Map(files), record);
  t.doesNotThrow(() =>
    check([
      ['torch/a.so', 'AAAA'],
      ['torch-2.13.0.dist-info/RECORD', 'whatever'],
    ]),
  );
  t.throws(() => check([['torch/a.so', 'AAAB']]), /torch\/a\.so does not have the sha256/);
  t.throws(() => check([['torch/b.so', 'AAAA']]), /torch\/b\.so is not in the wheel's RECORD/);
});
