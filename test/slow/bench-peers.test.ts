/** The benchmark's peers, where `node scripts/bench/setup.mjs` has been run: all compute the same. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { peerFolder } from '../../scripts/bench/cache.mjs';
import { cleanEnvironment } from '../helpers/child.js';

const root = path.resolve(import.meta.dirname, '../..');
const skip = existsSync(peerFolder(process.env).python) ? false : 'the peers are not set up';

interface Contender {
  name: string;
  maxAbsError: number | null;
  error: string | null;
}

t.test(
  'all contenders give the same embeddings, logits, probabilities and distances',
  { skip },
  async (t) => {
    const suites = ['encode', 'decode', 'universeg', 'metrics', 'train'];
    const args = [
      'scripts/bench/run.mjs',
      ...suites,
      '--quick',
      '--rounds',
      '1',
      '--dtypes',
      'float32',
      '--json',
    ];
    const run = spawnSync(process.execPath, args, { cwd: root, env: cleanEnvironment(), encoding: 'utf8' });
    t.equal(run.status, 0, run.stderr);
    const { cases } = JSON.parse(run.stdout) as { cases: { suite: string; contenders: Contender[] }[] };
    const compared = cases.flatMap(({ suite, contenders }) =>
      contenders.map(({ name, maxAbsError, error }) => ({ name: `${suite}, ${name}`, maxAbsError, error })),
    );
    t.same(
      compared.filter(({ error }) => error !== null),
      [],
    );
    const errors = compared.filter(({ maxAbsError }) => maxAbsError !== null);
    t.match(
      errors.map(({ name }) => name),
      [/encode, transformers sdpa/, /encode, onnxruntime-node/, /encode, gmiseg/, /decode/],
    );
    for (const { name, maxAbsError } of errors) t.ok(maxAbsError! < 1e-4, `${name}: ${maxAbsError}`);
  },
);
