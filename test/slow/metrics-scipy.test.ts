/** Distances, scores and tests against SciPy: a committed file of its results, and fresh ones where Python has it. */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { distanceTransform } from '../../lib/distance-transform.js';
import { evaluate } from '../../lib/evaluate.js';
import type { Metric } from '../../lib/evaluation/scores.js';
import { bootstrapInterval } from '../../lib/statistics/bootstrap.js';
import { mean } from '../../lib/statistics/mean.js';
import { normalTail } from '../../lib/statistics/normal.js';
import { wilcoxon } from '../../lib/statistics/wilcoxon.js';

interface Grid {
  readonly shape: number[];
  readonly spacing: number[];
}

interface Cases {
  readonly scipy: string;
  readonly distances: (Grid & { mask: string; distances: number[] })[];
  readonly scores: (Grid & {
    tolerance: number;
    prediction: string;
    truth: string;
    expected: Record<Metric, number>;
  })[];
  readonly wilcoxon: {
    differences: number[];
    p: { auto: number; normal: number; exact?: number };
    least: number;
  }[];
  readonly normal: [z: number, tail: number][];
  readonly bootstrap: { values: number[]; interval: [number, number]; error: number }[];
}

const PYTHON = process.env.GMISEG_TEST_PYTHON ?? 'python3';
const SCRIPT = join(import.meta.dirname, '../helpers/scipy-cases.py');
const FIXTURE = join(import.meta.dirname, '../fixtures/metrics/scipy.json');
const SEED = '2';
const python = spawnSync(PYTHON, [SCRIPT, '--quick', SEED], { encoding: 'utf8', maxBuffer: 2 ** 26 });
const absent =
  python.error !== undefined || /ModuleNotFoundError|^SciPy .* newer$/m.test(python.stderr)
    ? `${PYTHON} has no SciPy 1.15; \`pip install scipy\` or set GMISEG_TEST_PYTHON to compare with it`
    : false;

const bytes = (text: string): Uint8Array => Uint8Array.from(text, Number);
const close = (found: number, expected: number, relative: number): boolean =>
  Math.abs(found - expected) <= relative * Math.abs(expected) + 1e-300;

async function check(t: Test, cases: Cases): Promise<void> {
  for (const { shape, spacing, mask, distances } of cases.distances) {
    const found = await distanceTransform(bytes(mask), [...shape].reverse(), {
      spacing: [...spacing].reverse(),
    });
    const off = distances.findIndex((value, at) => !close(found[at]!, value, 1e-12));
    t.equal(off, -1, `EDT ${shape.join('x')}: ${found[off]} instead of ${distances[off]}`);
    t.equal(found.length, distances.length);
  }
  for (const { shape, spacing, tolerance, prediction, truth, expected } of cases.scores) {
    const input = (text: string) =>
      shape.length === 2
        ? { data: bytes(text), width: shape[1]!, height: shape[0]! }
        : { data: bytes(text), shape: [shape[2]!, shape[1]!, shape[0]!] as const };
    const own = shape.length === 2 ? spacing : [...spacing].reverse();
    const scores = await evaluate(input(prediction), input(truth), { spacing: own, tolerance });
    for (const [metric, value] of Object.entries(expected) as [Metric, number][])
      t.ok(
        close(scores[metric], value, 1e-12),
        `${shape.join('x')} ${metric}: ${scores[metric]}, SciPy ${value}`,
      );
  }
  for (const { differences, p, least } of cases.wilcoxon) {
    const name = `Wilcoxon, ${differences.length} differences`;
    const found = wilcoxon(differences);
    t.equal(Math.min(found.plus, found.minus), least, `${name}: statistic`);
    t.ok(close(found.p, p.auto, 1e-9), `${name}: p ${found.p}, SciPy ${p.auto}`);
    const normal = wilcoxon(differences, 'normal').p;
    t.ok(close(normal, p.normal, 1e-11), `${name}: normal p ${normal}, SciPy ${p.normal}`);
    if (p.exact === undefined) continue;
    const exact = wilcoxon(differences, 'exact').p;
    t.ok(close(exact, p.exact, 1e-9), `${name}: exact p ${exact}, SciPy ${p.exact}`);
  }
  for (const [z, tail] of cases.normal)
    t.ok(close(normalTail(z), tail, 1e-12), `normal tail at ${z}: ${normalTail(z)}, SciPy ${tail}`);
  for (const { values, interval, error } of cases.bootstrap) {
    const [low, high] = bootstrapInterval([values], ([drawn]) => mean(drawn!), { resamples: 20000 })!;
    // Both are random: their ends differ by a few hundredths of the standard error.
    t.ok(Math.abs(low - interval[0]) < 0.15 * error, `bootstrap: from ${low}, SciPy ${interval[0]}`);
    t.ok(Math.abs(high - interval[1]) < 0.15 * error, `bootstrap: to ${high}, SciPy ${interval[1]}`);
  }
}

t.test('as SciPy computed it', async (t) => {
  await check(t, JSON.parse(await readFile(FIXTURE, 'utf8')) as Cases);
});

t.test('as SciPy computes it now', { skip: absent }, async (t) => {
  t.equal(python.status, 0, python.stderr);
  const cases = JSON.parse(python.stdout) as Cases;
  t.comment(`SciPy ${cases.scipy}, seed ${SEED}`);
  await check(t, cases);
});
