/** The layers point one way: lib -> types/native.d.ts -> native/binding -> native/core. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import t from 'tap';

const root = resolve(import.meta.dirname, '../..');

function files(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** What a C++ file includes, without comments. */
function includes(file: string): string[] {
  return [...read(file).matchAll(/^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]/gm)].map((match) => match[1]!);
}

/** Source text without comments, so that prose may name what code may not. */
function code(file: string): string {
  return read(file).replace(/\/\*[\s\S]*?\*\/|(^|[^:'"`])\/\/.*$/gm, '$1');
}

/** The modules that a TypeScript file imports, exports from or loads. */
function imports(file: string): string[] {
  return [...code(file).matchAll(/\b(?:from|import|require)\s*\(?\s*['"]([^'"]+)['"]/g)].map(
    (match) => match[1]!,
  );
}

const NODE_API = /^(napi|node_api|node_addon_api|node|v8|uv|js_native_api)(-\w+)?\.h$/;
const LIBTORCH = /^(torch|ATen|c10|caffe2)\//;

t.test('native/sources.json lists the files on the disk, each once', async (t) => {
  const sources: Record<string, string[]> = JSON.parse(read('native/sources.json'));
  t.same(Object.keys(sources).sort(), ['binding', 'core']);
  for (const part of ['core', 'binding']) {
    t.same([...sources[part]!].sort(), files(`native/${part}`, /\.cc$/), `native/${part}`);
  }
});

t.test('core knows nothing of Node', async (t) => {
  const sources = files('native/core', /\.(cc|h)$/);
  t.ok(sources.length > 0);
  for (const file of sources) {
    t.same(
      includes(file).filter((name) => NODE_API.test(name) || /(^|\/)binding\//.test(name)),
      [],
      file,
    );
  }
});

t.test('binding sees no LibTorch, not even through the core’s headers', async (t) => {
  const sources = files('native/binding', /\.(cc|h)$/);
  t.ok(sources.length > 0);
  for (const file of sources) {
    // DESIGN 2: one function maps LibTorch's exceptions.
    if (file.endsWith('/errors.cc')) continue;
    const seen = new Set<string>();
    const queue = [file];
    for (let next = queue.pop(); next; next = queue.pop()) {
      const names = includes(next);
      const found = names.filter((name) => LIBTORCH.test(name));
      if (found.length > 0) t.fail(`${file} through ${next}: ${found.join(', ')}`);
      for (const header of names.map((name) => `native/core/${name}`)) {
        if (seen.has(header) || !existsSync(join(root, header))) continue;
        seen.add(header);
        queue.push(header);
      }
    }
  }
});

t.test('only lib/native.ts loads the addon', async (t) => {
  for (const file of files('lib', /\.ts$/)) {
    if (file === 'lib/native.ts') continue;
    t.notMatch(code(file), /\bcreateRequire\b|\bprocess\s*\.\s*dlopen\b|\.node['"`]/, file);
  }
  t.match(code('lib/native.ts'), /\bcreateRequire\b|\bprocess\s*\.\s*dlopen\b/, 'lib/native.ts does');
});

t.test('lib takes nothing from native/, scripts/ or test/', async (t) => {
  const sources = files('lib', /\.ts$/);
  t.ok(sources.length > 0);
  for (const file of sources) {
    const outside = imports(file)
      .filter((name) => name.startsWith('.'))
      .map((name) => relative(root, resolve(root, dirname(file), name)))
      .filter((path) => !path.startsWith('lib/') && !path.startsWith('types/'));
    t.same(outside, [], file);
  }
});

/** The rooms of lib, each of which may take what is before it; what lies in lib itself is before and among them. */
const ROOMS = [
  'image',
  'statistics',
  'tensorboard',
  'run-folder',
  'dataset',
  'task',
  'evaluation',
  'bench',
  'experiment',
  'cli',
];
/** They use the library; it knows nothing of them. */
const USERS = ['bench', 'experiment', 'cli'];

t.test('the rooms of lib point one way', async (t) => {
  const seen = new Set<string>();
  for (const file of files('lib', /\.ts$/)) {
    const [, room, below] = file.split('/');
    const own = below === undefined ? null : (room as string);
    if (own !== null) seen.add(own);
    const taken = imports(file)
      .filter((name) => name.startsWith('.'))
      .map((name) => relative(root, resolve(root, dirname(file), name)).split('/'))
      .filter(([lib, , inside]) => lib === 'lib' && inside !== undefined)
      .map(([, other]) => other as string);
    const wrong = taken.filter((other) =>
      own === null ? USERS.includes(other) : ROOMS.indexOf(other) > ROOMS.indexOf(own),
    );
    t.same(wrong, [], file);
  }
  t.same([...seen].sort(), [...ROOMS].sort(), 'every room has its place');
});

t.test('the lock file names no registry and has every checksum', async (t) => {
  const lock: { packages: Record<string, { resolved?: string; integrity?: string }> } = JSON.parse(
    read('package-lock.json'),
  );
  const entries = Object.entries(lock.packages).filter(([path]) => path);
  t.ok(entries.length > 0);
  t.same(
    entries.filter(([, { resolved }]) => resolved).map(([path]) => path),
    [],
    'run npm with the .npmrc of the project',
  );
  t.same(
    entries.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path),
    [],
  );
});

t.test('the lock file is complete: npm ci refuses one that lacks other platforms’ packages', async (t) => {
  type Entry = Record<'dependencies' | 'optionalDependencies', Record<string, string> | undefined>;
  const { packages }: { packages: Record<string, Entry> } = JSON.parse(read('package-lock.json'));
  const missing: string[] = [];
  for (const [path, entry] of Object.entries(packages)) {
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
      // Node looks in the package's own node_modules, then in those above it.
      const nested = path.split(/\/?node_modules\//).slice(1);
      const found = [...nested, ''].some((_, depth) => {
        const above = nested.slice(0, nested.length - depth).map((parent) => `node_modules/${parent}/`);
        return `${above.join('')}node_modules/${name}` in packages;
      });
      if (!found) missing.push(`${name}, which ${path || 'the project'} needs`);
    }
  }
  t.same(missing, []);
});

t.test('setting up a checkout needs nothing from node_modules', async (t) => {
  const seen = new Set([
    'scripts/setup.mjs',
    'scripts/test.mjs',
    'scripts/install.mjs',
    'scripts/prepare.mjs',
  ]);
  for (const file of seen) {
    // Static imports alone: what is loaded by import() runs once the dependencies are there.
    for (const [, name = ''] of code(file).matchAll(
      /^(?:import|export)\b(?:[^;=]*?\bfrom)?\s*['"]([^'"]+)['"];/gm,
    )) {
      if (name.startsWith('.')) seen.add(relative(root, resolve(root, dirname(file), name)));
      else t.match(name, /^node:/, `${file} imports ${name}`);
    }
  }
  t.ok(seen.has('scripts/lib/addon.mjs'), 'the walk follows imports');
});

t.test('the package states what its build needs', async (t) => {
  const manifest = JSON.parse(read('package.json'));
  t.same(manifest.binary?.napi_versions, [8], 'else cmake-js downloads Node’s headers');
  t.equal(manifest.gypfile, false, 'else npm runs node-gyp on its own');
  for (const name of ['node-addon-api', 'node-api-headers', 'cmake-js', 'proper-lockfile', 'yauzl']) {
    t.ok(manifest.dependencies[name], `${name} is needed where the package is installed`);
  }
});
