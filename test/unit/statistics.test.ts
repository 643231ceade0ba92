/** Means, quantiles, bootstraps and tests for pairs; metrics-scipy.test.ts compares them with SciPy. */
import t from 'tap';
import { bootstrapInterval, bootstrapSamples } from '../../lib/statistics/bootstrap.js';
import { holm } from '../../lib/statistics/holm.js';
import { mean } from '../../lib/statistics/mean.js';
import { normalTail } from '../../lib/statistics/normal.js';
import { pairedBootstrap } from '../../lib/statistics/paired-bootstrap.js';
import { quantile } from '../../lib/statistics/quantile.js';
import { wilcoxon } from '../../lib/statistics/wilcoxon.js';

const ofMean = ([drawn]: readonly (readonly number[])[]): number => mean(drawn!);

t.test('quantiles between ranks', async (t) => {
  t.equal(quantile([1, 2, 4], 0.5), 2);
  t.equal(quantile([1, 2, 4], 0.75), 3);
  t.equal(quantile([1, 2, 4], 1), 4);
  t.equal(quantile([7], 0.95), 7);
  t.ok(Number.isNaN(quantile([], 0.5)));
  t.ok(Number.isNaN(mean([])));
});

t.test('bootstrap: seeded, by strata, and honest about what it cannot tell', async (t) => {
  const values = [0.1, 0.4, 0.5, 0.7, 0.9, 0.95];
  const once = bootstrapInterval([values], ofMean, { seed: 4 });
  t.same(bootstrapInterval([values], ofMean, { seed: 4 }), once);
  t.notSame(bootstrapInterval([values], ofMean, { seed: 5 }), once);
  const [low, high] = once!;
  t.ok(low > 0.1 && low < mean(values) && mean(values) < high && high < 0.95);
  const [narrow, wide] = [0.5, 0.99].map((level) => bootstrapInterval([values], ofMean, { level })!);
  t.ok(narrow![1] - narrow![0] < high - low && high - low < wide![1] - wide![0]);
  t.equal(bootstrapInterval([[0.5]], ofMean), null, 'one unit');
  t.equal(bootstrapInterval([[0.5], [0.7]], ofMean), null, 'one unit in each stratum');
  t.same(bootstrapInterval([[2, 2, 2]], ofMean), [2, 2]);
  const kept = bootstrapSamples([[1, 2, 3], [10]], (sample) => sample.flat().length, { resamples: 20 });
  t.same([...new Set(kept)], [4], 'strata keep their size');
  const nan = bootstrapSamples([[1, Number.NaN]], ofMean, { resamples: 200, seed: 1 });
  t.ok(nan.length > 0 && nan.length < 200 && nan.every((value) => value === 1), 'NaN is left out');
});

t.test('paired bootstrap', async (t) => {
  const better = pairedBootstrap([[0.1, 0.2, 0.15, 0.3, 0.05, 0.12]], ofMean);
  t.ok(better.interval![0] > 0 && better.p! < 0.01);
  t.ok(Math.abs(better.difference - 0.92 / 6) < 1e-12);
  const same = pairedBootstrap([[0.1, -0.1, 0.2, -0.2, 0.05, -0.05]], ofMean);
  t.ok(same.interval![0] < 0 && same.interval![1] > 0 && same.p! > 0.5 && same.p! <= 1);
  const mirrored = pairedBootstrap([[-0.1, -0.2, -0.15, -0.3, -0.05, -0.12]], ofMean);
  t.equal(mirrored.p, better.p, 'two-sided');
  t.match(pairedBootstrap([[0, 0, 0]], ofMean), { difference: 0, interval: [0, 0], p: 1 });
  t.same(pairedBootstrap([[0.3]], ofMean), { difference: 0.3, interval: null, p: null });
});

t.test("Holm's correction", async (t) => {
  const round = (ps: readonly (number | null)[]) => ps.map((p) => p && Number(p.toFixed(12)));
  t.same(round(holm([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06], 'in order, never below a smaller one');
  t.same(round(holm([0.01, null, 0.04])), [0.02, null, 0.04], 'what was not tested does not count');
  t.same(holm([0.7, 0.6]), [1, 1]);
  t.same(holm([0.3]), [0.3]);
  t.same(holm([]), []);
});

t.test("Wilcoxon's signed-rank test", async (t) => {
  // The smallest p of n pairs is 2 / 2^n.
  for (const n of [1, 4, 10, 20]) {
    const found = wilcoxon(Array.from({ length: n }, (_, at) => at + 1));
    t.match(found, { n, zeros: 0, plus: (n * (n + 1)) / 2, minus: 0, method: 'exact' });
    t.ok(Math.abs(found.p - 2 / 2 ** n) < 1e-15, `${n} pairs`);
  }
  t.match(wilcoxon([]), { n: 0, p: 1 });
  t.match(wilcoxon([0, 0, 0]), { n: 0, zeros: 3, p: 1 });
  t.match(wilcoxon([1, -1]), { plus: 1.5, minus: 1.5, p: 1 }, 'ties share their rank');
  const values = Array.from({ length: 60 }, (_, at) => Math.sin(at) + 0.2);
  t.equal(wilcoxon(values).method, 'normal');
  t.equal(wilcoxon(values).p, wilcoxon(values.map((value) => -value)).p, 'two-sided');
  const [exact, normal] = [wilcoxon(values, 'exact').p, wilcoxon(values, 'normal').p];
  t.ok(Math.abs(exact - normal) < 0.01, `${exact} and ${normal} are close for many pairs`);
});

t.test('normal tails', async (t) => {
  t.equal(normalTail(0), 0.5);
  for (const z of [0.3, 1, 2.82, 2.83, 5])
    t.ok(Math.abs(normalTail(z) + normalTail(-z) - 1) < 1e-15, `both sides of ${z}`);
  t.equal(normalTail(Infinity), 0);
  t.equal(normalTail(-Infinity), 1);
});
