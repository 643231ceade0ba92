import { readFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { gmisegProcess } from '../helpers/cli.js';

const QUICK = ['--quick', '--rounds', '2', '--threads', '1'];

t.test('bench --json: what a run finds, and the same in the file', async (t) => {
  const out = path.join(t.testdir(), 'new', 'bench.json');
  const run = await gmisegProcess([
    'bench',
    'encode',
    'metrics',
    ...QUICK,
    '--dtypes',
    'float32',
    '--json',
    '--out',
    out,
  ]);
  t.match(run, { code: 0, stderr: '' });
  const report = JSON.parse(run.stdout);
  t.match(report, {
    schema: 1,
    gmiseg: /^\d/,
    command: /^gmiseg bench encode metrics --quick/,
    machine: { cpu: String, cores: Number, loadAverage: [Number, Number, Number], quiet: Boolean },
    options: { rounds: 2, quick: true, dtypes: ['float32'], threads: [1] },
    warnings: /quick run/,
  });
  t.same(
    report.cases.map(({ suite, title }: { suite: string; title: string }) => `${suite}: ${title}`),
    [
      'encode: tiny, 64 pixels, 1 thread',
      'metrics: evaluate(), all metrics, 32 x 32 x 8 voxels',
      'metrics: distance transform, 32 x 32 x 8 voxels',
    ],
  );
  for (const { contenders } of report.cases) {
    t.match(contenders, [
      {
        error: null,
        loadSeconds: Number,
        first: { seconds: Number },
        rounds: [
          { round: 0, place: 0, values: { seconds: Number } },
          { round: 1, place: 0, values: { seconds: Number } },
        ],
        summary: { n: 2, min: Number, median: Number, max: Number },
        peakBytes: Number,
      },
    ]);
    t.ok(contenders[0].peakBytes > 2 ** 20);
  }
  t.match(report.cases[0], { flops: Number, contenders: [{ facts: { libtorch: /^\d/, threads: 1 } }] });
  t.match(JSON.parse(await readFile(out, 'utf8')), { cases: report.cases });
});

t.test('bench: a table for people', async (t) => {
  const suites = ['train', 'import', 'load'];
  const { code, stdout, stderr } = await gmisegProcess(['bench', ...suites, ...QUICK, '--rounds', '1']);
  t.equal(code, 0, stdout);
  t.match(stderr, /warning: A quick run/);
  for (const suite of suites) t.match(stdout, new RegExp(`^${suite}: `, 'm'));
  t.match(stdout, /gmiseg float32, recomputing[\s\S]*Mvoxel\/s[\s\S]*to loaded s/);
});

t.test('bench: a contender that fails is named, and the status says so', async (t) => {
  const { code, stdout } = await gmisegProcess([
    'bench',
    'encode',
    ...QUICK,
    '--dtypes',
    'float32',
    '--config',
    'nosuch.json',
  ]);
  t.equal(code, 1);
  t.match(stdout, /gmiseg float32 failed: config must be /);
});
