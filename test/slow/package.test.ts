/** What npm packs is all that an installed package needs: to build its addon, to be imported, to predict. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { BUILD_OUTPUTS, native } from '../../lib/native.js';
import { cleanEnvironment } from '../helpers/child.js';
import { pnmBytes } from '../helpers/layout-files.js';
import { picture } from '../helpers/models.js';

const root = join(import.meta.dirname, '../..');

t.test('the packed package works elsewhere, in a folder with a space', async (t) => {
  const folder = join(t.testdir(), 'a b');
  const home = join(folder, 'node_modules', 'gmiseg');
  mkdirSync(home, { recursive: true });
  const env = { ...cleanEnvironment(), npm_config_update_notifier: 'false' };
  const packed = spawnSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  t.equal(packed.status, 0, packed.stderr);
  const [{ filename, files }] = JSON.parse(packed.stdout);
  const names = new Set(files.map(({ path }: { path: string }) => path));

  const sources: Record<string, string[]> = JSON.parse(
    readFileSync(join(root, 'native/sources.json'), 'utf8'),
  );
  for (const file of Object.values(sources).flat()) t.ok(names.has(file), `${file} is packed`);
  t.same(
    [...names].filter((name) => /^(test|\.|docs\/experiments\/)|\.sh$|\.node$/.test(String(name))),
    [],
    'and nothing that only a checkout needs',
  );

  const tar = ['-xzf', join(folder, filename), '-C', home, '--strip-components=1'];
  t.equal(spawnSync('tar', tar).status, 0);
  // The dependencies alone, as npm would put them beside it.
  const { dependencies } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    const place = join(folder, 'node_modules', name);
    mkdirSync(join(place, '..'), { recursive: true });
    if (!existsSync(place)) symlinkSync(join(root, 'node_modules', name), place);
  }
  const run = (...args: string[]) =>
    spawnSync(process.execPath, args, {
      cwd: folder,
      env: { ...env, GMISEG_BINDING: process.env.GMISEG_BINDING ?? builtAddon() },
      encoding: 'utf8',
    });
  const main = join(home, 'dist/cli/main.js');
  const doctor = run(main, 'doctor', '--json');
  t.match(JSON.parse(doctor.stdout), { addon: { version: native().version } }, doctor.stderr);

  writeFileSync(join(folder, 'scan.pgm'), pnmBytes(picture(48, 40, 1)));
  const predict = run(main, 'predict', '--image', 'scan.pgm', '--box', '8,6,30,30', '--out', 'masks');
  t.equal(predict.status, 0, predict.stderr);
  t.ok(existsSync(join(folder, 'masks', 'scan.png')));

  writeFileSync(
    join(folder, 'use.mjs'),
    "import { readImage, Segmenter } from 'gmiseg';\n" +
      'const segmenter = await Segmenter.load();\n' +
      "const { count } = await segmenter.predict(await readImage('scan.pgm'), { box: [8, 6, 30, 30] });\n" +
      'console.log(count);\nawait segmenter.close();\n',
  );
  t.match(run('use.mjs'), { status: 0, stdout: '1\n' });
});

/** Of this checkout, as the loader finds it. */
function builtAddon(): string {
  const found = BUILD_OUTPUTS.map((file) => join(root, file)).find((file) => existsSync(file));
  if (found === undefined) throw new Error('no addon is built');
  return found;
}
