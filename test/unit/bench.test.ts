import path from 'node:path';
import t from 'tap';
import { Contender } from '../../lib/bench/contender.js';
import { encoderFlops } from '../../lib/bench/encoder-flops.js';
import { instructionSets } from '../../lib/bench/machine.js';
import { drawBoxes, drawPicture } from '../../lib/bench/pictures.js';
import { parseAnswer } from '../../lib/bench/protocol.js';
import { warningsOf } from '../../lib/bench/run-bench.js';
import { runCase } from '../../lib/bench/run-case.js';
import {
  fastest,
  maxAbsDifference,
  roofShares,
  rotated,
  speedUps,
  summarizeRounds,
} from '../../lib/bench/statistics.js';
import { SUITES } from '../../lib/bench/suites/index.js';
import { ellipsoid } from '../../lib/bench/volumes.js';
import { WORKLOADS } from '../../lib/bench/workloads/index.js';
import { caseTable } from '../../lib/cli/bench-table.js';
import { gmiseg } from '../helpers/cli.js';

const OPTIONS = { rounds: 2, quick: true, fresh: false };

t.test('statistics of rounds', async (t) => {
  t.match(summarizeRounds([2, 4, 3]), { n: 3, min: 2, median: 3, max: 4, spread: 1 });
  t.same(speedUps([1, 2, null], [2, 2, 2]), [2, 1, null]);
  t.same(speedUps([1, 2], [null, 3]), [null, 1.5]);
  t.same(speedUps([1], []), [null]);
  t.same(
    fastest([
      [1, 3, null],
      [2, null, null],
    ]),
    [1, 3, null],
  );
  t.same(roofShares([2, null], [100, 100], 100e9), [0.5, null]);
  t.same(roofShares([2], [null], 1), [null]);
  t.same(
    [0, 1, 2, 3].map((round) => rotated(['a', 'b', 'c'], round).join('')),
    ['abc', 'bca', 'cab', 'abc'],
  );
  t.same(rotated([], 3), []);
});

t.test('differences of outputs', async (t) => {
  const a = Float32Array.of(1, -2, 3);
  t.equal(maxAbsDifference(a, a), 0);
  t.equal(maxAbsDifference(a, Float32Array.of(1, 0, 2)), 2);
  t.ok(Number.isNaN(maxAbsDifference(a, Float32Array.of(1, Number.NaN, 3))));
  t.ok(Number.isNaN(maxAbsDifference(a, Float32Array.of(1))));
});

t.test('floating-point operations of an encoder', async (t) => {
  const vitL = {
    image_size: 1024,
    patch_size: 16,
    embed_dim: 1024,
    depth: 24,
    num_heads: 16,
    global_attn_indexes: [5, 11, 17, 23],
    window_size: 14,
    prompt_embed_dim: 256,
  };
  t.ok(Math.abs(encoderFlops(vitL) / 2.84e12 - 1) < 0.005, 'as counted by hand');
  t.ok(Math.abs(encoderFlops({ ...vitL, image_size: 512 }) / 0.66e12 - 1) < 0.01);
  // One patch, one block of one channel: patch 2*3, linear 2*(4 + 2*4), attention 4 + 4, neck 2 + 18.
  const one = { image_size: 1, patch_size: 1, embed_dim: 1, depth: 1, num_heads: 1, window_size: 1 };
  t.equal(encoderFlops({ ...one, global_attn_indexes: [0], prompt_embed_dim: 1 }), 6 + 24 + 8 + 20);
});

t.test('what is drawn is the same for all', async (t) => {
  const { image, mask } = drawPicture(3, 48);
  t.same(drawPicture(3, 48), { image, mask });
  t.notSame(drawPicture(4, 48).mask, mask);
  const inside = mask.reduce((sum, value) => sum + value, 0);
  t.ok(inside > 48 && inside < 48 * 48 - 48);
  for (const [x0, y0, x1, y1] of drawBoxes(20, 100))
    t.ok(x0 >= 0 && y0 >= 0 && x0 < x1 && y0 < y1 && x1 < 100 && y1 < 100);
  const filled = ellipsoid([100, 100, 50], 0).reduce((sum, value) => sum + value, 0);
  t.ok(Math.abs(filled / ((4 / 3) * Math.PI * 40 * 40 * 20) - 1) < 0.05);
});

t.test('the machine', async (t) => {
  t.same(instructionSets('flags\t\t: fpu avx2 avx512f avx512_bf16 sse\n'), [
    'avx2',
    'avx512f',
    'avx512_bf16',
  ]);
  t.same(instructionSets('Features : asimd bf16\n'), ['asimd', 'bf16']);
  t.same(instructionSets(''), []);
  const machine = {
    cpu: 'a CPU',
    isa: [],
    cores: 2,
    memoryBytes: 1,
    availableBytes: 1,
    loadAverage: [2.5, 0, 0],
    quiet: false,
    system: '',
    node: '',
  };
  t.match(warningsOf(machine, OPTIONS), [/not quiet.*2\.50/, /quick run/]);
  t.same(warningsOf({ ...machine, quiet: true }, { ...OPTIONS, quick: false }), []);
});

t.test('suites: every list of the options is a case for each value', async (t) => {
  const titles = (suite: string, more = {}): string[] =>
    SUITES.find(({ name }) => name === suite)!
      .cases({ ...OPTIONS, ...more })
      .map(({ title }) => title);
  t.same(titles('encode', { quick: false }), ['vit_b, 1024 pixels', 'vit_l, 1024 pixels']);
  t.same(titles('encode', { sizes: [64, 128], threads: [1, 2] }), [
    'tiny, 64 pixels, 1 thread',
    'tiny, 64 pixels, 2 threads',
    'tiny, 128 pixels, 1 thread',
    'tiny, 128 pixels, 2 threads',
  ]);
  t.same(
    titles('decode', { quick: false }).map((title) => title.split(', ').at(-1)),
    ['1 prompt', '8 prompts', '64 prompts'],
  );
  t.same(titles('support', { quick: false, n: [1, 64] }), [
    'default model, 256 pixels, N = 1',
    'default model, 256 pixels, N = 64',
  ]);
  for (const { name, cases } of SUITES) t.ok(cases(OPTIONS).length > 0, name);
});

t.test('every workload can be repeated and measures what it says', async (t) => {
  const MEASURED: Record<string, string[]> = {
    decode: ['perPromptMs'],
    support: ['defineMs', 'perExampleMs', 'queryMs', 'fileKib'],
    import: ['megavoxelsPerSecond', 'slices'],
    'event-loop': ['stats', 'statP50Ms', 'statP99Ms', 'statMaxMs'],
  };
  const cases = SUITES.flatMap((suite) => suite.cases({ ...OPTIONS, dtypes: ['float32'], threads: [1] }));
  for (const { suite, title, workload, settings, contenders, materials } of cases) {
    const made = (await materials?.(t.testdir())) ?? {};
    const open = await WORKLOADS[workload]!();
    const { repeat } = await open({ ...settings, ...made, ...contenders[0]!.settings });
    const { values, output } = await repeat();
    for (const measure of ['seconds', ...(MEASURED[suite] ?? [])])
      t.ok(Number(values[measure]) >= 0, `${suite}, ${title}: ${measure} ${values[measure]}`);
    if (['encode', 'decode', 'universeg', 'distances'].includes(workload))
      t.same(await (await repeat()).output!(), await output!(), `${suite}: the same again`);
  }
});

/** A contender written in place: `repeat` is the body of what answers a repetition. */
function scripted(name: string, repeat: string, more = {}) {
  const script = `
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const request = JSON.parse(line);
      const say = (answer) => console.log(JSON.stringify({ ok: true, peakBytes: 1024, ...answer }));
      if (request.do === 'prepare') return say({ values: { seconds: 0, flops: 100e9 } });
      ${repeat}
    });`;
  return { name, command: process.execPath, args: ['-e', script], workload: 'any', settings: {}, ...more };
}

const save = (value: number): string =>
  `if (request.save) require('node:fs').writeFileSync(request.save, Buffer.from(Float32Array.of(1, ${value}).buffer));`;

t.test('a case: rotating rounds, references, roofs, errors, one that fails', async (t) => {
  const steps: string[] = [];
  const dtype = 'float32' as const;
  const contenders = [
    scripted('roof', 'say({ values: { seconds: 1, gflops: 200 } });', { dtype, probe: true }),
    scripted('theirs', `${save(2)} say({ values: { seconds: 4 } });`, { dtype, reference: true }),
    scripted('theirs, tuned', `${save(2)} say({ values: { seconds: 3 } });`, { dtype, alternative: true }),
    scripted('ours', `${save(2.5)} say({ values: { seconds: 1, perPromptMs: 7 }, peakBytes: 2 ** 30 });`, {
      dtype,
    }),
    scripted('broken', `say({ ok: false, error: 'too small' });`, { dtype }),
    scripted('gone', `console.error('killed'); process.exit(3);`, { dtype }),
  ];
  const benchCase = { suite: 'any', title: 'a case', workload: 'any', settings: { n: 1 }, contenders };
  const result = await runCase(benchCase, contenders, {
    rounds: 2,
    fresh: false,
    folder: path.join(t.testdir(), 'made'),
    signal: new AbortController().signal,
    onStep: (text) => steps.push(text),
  });
  t.match(result, { suite: 'any', flops: 100e9, reference: ['theirs'], exact: 'theirs' });
  const [roof, theirs, tuned, ours, broken, gone] = result.contenders;
  t.match(roof, { probe: true, speedUps: null, roofShares: null, summary: { n: 2 } });
  t.match(theirs, { speedUps: null, roofShares: [0.125, 0.125], maxAbsError: null, error: null });
  t.match(tuned, { speedUps: [4 / 3, 4 / 3], bestSpeedUps: null });
  t.match(ours, {
    speedUps: [4, 4],
    bestSpeedUps: [3, 3],
    roofShares: [0.5, 0.5],
    maxAbsError: 0.5,
    peakBytes: 2 ** 30,
  });
  t.same(
    ours!.rounds.map(({ place }) => place),
    [3, 2],
  );
  t.match(broken, { error: 'too small', rounds: [], summary: null, speedUps: [null, null] });
  t.match(gone, { error: /status 3.*killed/ });
  t.match(steps, [/^roof: load/]);

  const table = caseTable(result);
  t.match(table, /ours .* 1\.000 1\.000 .* 4\.00x 4\.00x .* 3\.00x 3\.00x .* 50% 50% .* 5\.0e-1/);
  t.match(table, /ms\/prompt/);
  t.notMatch(table, /NaN|stat p50/);
  t.match(table, /broken failed: too small/);
});

t.test('a case that starts contenders anew', async (t) => {
  const count = `globalThis.count = (globalThis.count ?? 0) + 1; say({ values: { seconds: 1, count } });`;
  const contenders = [scripted('ours', count)];
  const run = (cold: boolean) =>
    runCase({ suite: 'any', title: 'a case', workload: 'any', settings: {}, contenders, cold }, contenders, {
      rounds: 2,
      fresh: true,
      folder: t.testdir(),
      signal: new AbortController().signal,
      onStep: () => {},
    });
  const warm = (await run(false)).contenders[0]!;
  t.same(
    warm.rounds.map(({ values }) => values.count),
    [2, 2],
    'the first repetition is no round',
  );
  const cold = (await run(true)).contenders[0]!;
  t.same(
    cold.rounds.map(({ values }) => values.count),
    [1, 1],
  );
  t.equal(cold.first, null);
  t.ok(cold.rounds.every(({ values }) => Number(values.seconds) > 1 && Number(values.loadSeconds) > 0));
});

t.test('an abort ends the contenders', async (t) => {
  const controller = new AbortController();
  const contender = new Contender(scripted('slow', ''), controller.signal);
  const asked = contender.ask({ do: 'repeat' });
  controller.abort(new Error('enough'));
  await t.rejects(asked, { code: 'ERR_INTERNAL' });
  await contender.close();
});

t.test('a contender that cannot be started, or talks nonsense', async (t) => {
  const { signal } = new AbortController();
  const missing = new Contender({ ...scripted('missing', ''), command: '/nowhere/python' }, signal);
  await t.rejects(missing.ask({ do: 'repeat' }), { message: /ENOENT/ });
  t.throws(() => parseAnswer('hello'), SyntaxError);
  t.throws(() => parseAnswer('{"values": {}}'), SyntaxError);
});

t.test('wrong command lines', async (t) => {
  const folder = t.testdir();
  for (const [args, message] of [
    [['nosuch'], /no suite nosuch; choose among encode, /],
    [['encode', '--config', 'tiny', '--model', 'a.safetensors'], /--model and --config/],
    [['encode', '--sizes', '64,,128'], /--sizes 64,,128: give values with commas/],
    [['encode', '--sizes', '1'], /--sizes 1: give a whole number/],
    [['encode', '--rounds', '0'], /--rounds 0: /],
    [['encode', '--dtypes', 'int8'], /use float32 or bfloat16/],
    [['encode', '--out', folder], /is a folder/],
  ] as const) {
    const result = await gmiseg(['bench', ...args]);
    t.match(result, { code: 2, stdout: '', stderr: message }, args.join(' '));
  }
});
