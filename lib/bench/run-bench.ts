import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { packageCommit } from '../commit.js';
import { GmisegError } from '../errors.js';
import { packageRoot } from '../package-root.js';
import type { Machine } from './machine.js';
import { writeRandomWeights } from './random-weights.js';
import { type Additions, type CaseResult, runCase } from './run-case.js';
import type { BenchCase, BenchOptions, Suite } from './suites/suite.js';

/** Everything that a run found; what `--out` writes. */
export interface BenchReport {
  readonly schema: 1;
  readonly gmiseg: string;
  /** Of a checkout; ends in `+` where files were changed. */
  readonly commit: string | null;
  readonly created: string;
  readonly command: string;
  readonly machine: Machine;
  readonly options: BenchOptions;
  readonly warnings: readonly string[];
  readonly cases: readonly CaseResult[];
}

/** Others to be measured beside gmiseg: scripts/bench has them. */
export interface Peers {
  /** @param folder for what is made for this case alone; it exists */
  join(benchCase: BenchCase, folder: string): Promise<Additions>;
}

export interface RunBenchOptions extends BenchOptions {
  readonly suites: readonly Suite[];
  readonly machine: Machine;
  readonly peers?: Peers;
  readonly command: string;
  readonly signal: AbortSignal;
  /** Hears who is at work. */
  readonly onStep: (text: string) => void;
  /** Sees what is known after every case. */
  readonly onCase: (result: CaseResult, report: BenchReport) => Promise<void>;
}

/**
 * Runs the suites' cases one after another; without a contender of its own a case is left out.
 * @throws GmisegError ERR_INVALID_ARG where nobody takes part; the signal's reason. A contender's failure is in the report
 */
export async function runBench(run: RunBenchOptions): Promise<BenchReport> {
  const { suites, machine, peers, command, signal, onStep, onCase, ...options } = run;
  const cases: CaseResult[] = [];
  const report = async (): Promise<BenchReport> => ({
    schema: 1,
    gmiseg: packageRoot().version,
    commit: await packageCommit(),
    created: new Date().toISOString(),
    command,
    machine,
    options,
    warnings: warningsOf(machine, options),
    cases: [...cases],
  });
  const names = new Set<string>();
  const weights = await mkdtemp(path.join(tmpdir(), 'gmiseg-bench-'));
  try {
    for (const benchCase of suites.flatMap((suite) => suite.cases(options))) {
      const folder = await mkdtemp(path.join(tmpdir(), 'gmiseg-bench-'));
      try {
        const label = `${benchCase.suite}, ${benchCase.title}`;
        onStep(`${label}: prepare`);
        const made = (await benchCase.materials?.(folder)) ?? {};
        const settings = { ...benchCase.settings, ...made };
        const added = await peers?.join({ ...benchCase, settings }, folder);
        const shared = { ...settings, ...added?.settings };
        const all = [...(added?.contenders ?? []), ...benchCase.contenders];
        for (const { name } of all) names.add(name);
        const wanted = all.filter(({ name }) => options.contenders?.includes(name) ?? true);
        if (wanted.length === 0) continue;
        const drawn = await writeRandomWeights(shared, weights, signal);
        const contenders = wanted.map((spec) => ({
          ...spec,
          settings: { ...shared, ...drawn, ...spec.settings },
        }));
        const result = await runCase(benchCase, contenders, {
          rounds: options.rounds,
          fresh: options.fresh,
          folder,
          signal,
          onStep: (text) => onStep(`${label}: ${text}`),
        });
        cases.push(result);
        await onCase(result, await report());
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
  } finally {
    await rm(weights, { recursive: true, force: true });
  }
  if (cases.length === 0) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `Nobody is called ${options.contenders?.join(' or ')}; choose among ${[...names].join(', ')}.`,
    );
  }
  return await report();
}

/** What makes the numbers less than they seem. */
export function warningsOf({ quiet, loadAverage }: Machine, { quick }: BenchOptions): string[] {
  const load = loadAverage[0]?.toFixed(2);
  return [
    ...(quiet ? [] : [`The machine is not quiet (load average ${load}): times say little.`]),
    ...(quick ? ['A quick run shows that everything works, not how fast it is.'] : []),
  ];
}
