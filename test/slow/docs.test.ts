/** What the documentation tells people to write compiles, and what it points at is there. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '../..');
const pages = [
  'README.md',
  'models/README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const text = (page: string): string => readFileSync(join(root, page), 'utf8');

t.test('TypeScript examples compile against the package', async (t) => {
  const folder = t.testdir();
  const examples = pages.flatMap((page) =>
    [...text(page).matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code], at) => ({ page, at, code: code! })),
  );
  t.ok(examples.length >= 5);
  const files = examples.map(({ page, at, code }) => {
    const name = `${page.replace(/\W/g, '-')}-${at}.ts`;
    // Each is a module, whether or not it imports anything.
    writeFileSync(join(folder, name), `${code}\nexport {};\n`);
    return name;
  });
  // What an example goes on with, from those before it.
  const known = { segmenter: 'Segmenter', task: 'Task', volume: 'Volume', examples: 'TaskExample[]' };
  const names = Object.entries(known).map(([name, type]) => `const ${name}: import('gmiseg').${type};`);
  writeFileSync(join(folder, 'known.d.ts'), `export {};\ndeclare global {\n${names.join('\n')}\n}\n`);
  const options = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noUnusedLocals: false,
      rootDir: '/',
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
      paths: { gmiseg: [join(root, 'dist/index.d.ts')] },
    },
    include: [],
    files: ['known.d.ts', ...files],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  t.equal(status, 0, stdout);
});

t.test('links lead somewhere', async (t) => {
  const anchor = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- _]/gu, '')
      .replace(/ /g, '-');
  for (const page of pages) {
    const broken = [...text(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link]) => link!)
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [file, fragment] = link.split('#') as [string, string | undefined];
        const target = file === '' ? page : join(dirname(page), file);
        if (!existsSync(join(root, target))) return true;
        if (fragment === undefined || !target.endsWith('.md')) return false;
        const headings = [...text(target).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchor(heading!));
        return !headings.includes(fragment);
      });
    t.same(broken, [], page);
  }
});
