import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Answered, Contender, type ContenderSpec } from './contender.js';
import type { DType, Settings, Values } from './protocol.js';
import {
  fastest,
  maxAbsDifference,
  type RoundSummary,
  roofShares,
  rotated,
  speedUps,
  summarizeRounds,
} from './statistics.js';
import type { BenchCase } from './suites/suite.js';

/** What a contender's process did in one round. */
export interface Round {
  /** From 0; its place among the contenders of the round, from 0. */
  readonly round: number;
  readonly place: number;
  readonly values: Values;
}

export interface ContenderResult {
  readonly name: string;
  readonly dtype: DType | null;
  readonly probe: boolean;
  /** Versions and sizes that the contender tells of itself; empty where it failed before. */
  readonly facts: Values;
  /** From the start of its process until it was ready, and of that, until it began to load. */
  readonly loadSeconds: number | null;
  readonly startSeconds: number | null;
  /** The first repetition, which is not among the rounds; null where nothing was warmed up. */
  readonly first: Values | null;
  readonly rounds: readonly Round[];
  readonly summary: RoundSummary | null;
  /** Largest resident memory of its process. */
  readonly peakBytes: number | null;
  /** Times as fast as the reference of its dtype, round by round; null where there is none. */
  readonly speedUps: readonly (number | null)[] | null;
  /** The same against whichever was faster in the round, the reference or an alternative form of it. */
  readonly bestSpeedUps: readonly (number | null)[] | null;
  /** Share of the roof that the probe of its dtype found in the same round; null where there is none. */
  readonly roofShares: readonly (number | null)[] | null;
  /** Against `exact` of the case. */
  readonly maxAbsError: number | null;
  /** Why it is out. */
  readonly error: string | null;
}

export interface CaseResult {
  readonly suite: string;
  readonly title: string;
  readonly settings: Settings;
  /** Floating-point operations of one repetition, where known. */
  readonly flops: number | null;
  readonly reference: readonly string[];
  /** The contender whose output the others' errors are measured against. */
  readonly exact: string | null;
  readonly contenders: readonly ContenderResult[];
}

/** What others add to a case: weights that all read, and contenders that read them. */
export interface Additions {
  readonly settings: Settings;
  readonly contenders: readonly ContenderSpec[];
}

export interface RunCaseOptions {
  readonly rounds: number;
  readonly fresh: boolean;
  /** An empty folder for what the contenders read and write. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Hears who is at work. */
  readonly onStep: (text: string) => void;
}

/** One who takes part, while the case runs. */
class Entrant {
  readonly spec: ContenderSpec;
  facts: Values = {};
  loadSeconds: number | null = null;
  startSeconds: number | null = null;
  first: Values | null = null;
  readonly rounds: Round[] = [];
  peakBytes: number | null = null;
  error: string | null = null;
  output: string | null = null;
  #process: Contender | null = null;

  constructor(spec: ContenderSpec) {
    this.spec = spec;
  }

  /** Starts the process and has it load what it needs. */
  async start(signal: AbortSignal): Promise<void> {
    const began = performance.now();
    this.#process = new Contender(this.spec, signal);
    const { workload, settings } = this.spec;
    const { seconds, ...facts } = this.#note(
      await this.#process.ask({ do: 'prepare', workload, settings }),
    ).values;
    this.facts = facts;
    this.loadSeconds = (performance.now() - began) / 1000;
    this.startSeconds = this.loadSeconds - Number(seconds);
  }

  async repeat(save?: string): Promise<Values> {
    const request = { do: 'repeat' as const, ...(save === undefined ? {} : { save }) };
    return this.#note(await this.#process!.ask(request)).values;
  }

  async stop(): Promise<void> {
    await this.#process?.close();
    this.#process = null;
  }

  #note(answer: Answered): Answered {
    this.peakBytes = Math.max(this.peakBytes ?? 0, answer.peakBytes);
    return answer;
  }
}

/**
 * Has all contenders of a case do their work once in each round, in an order that rotates. One that fails is out;
 * the others go on.
 */
export async function runCase(
  { suite, title, settings, cold = false }: BenchCase,
  contenders: readonly ContenderSpec[],
  { rounds, fresh, folder, signal, onStep }: RunCaseOptions,
): Promise<CaseResult> {
  await mkdir(folder, { recursive: true });
  const entrants = contenders.map((spec) => new Entrant(spec));
  const attempt = async (entrant: Entrant, what: string, work: () => Promise<void>): Promise<void> => {
    signal.throwIfAborted();
    if (entrant.error !== null) return;
    onStep(`${entrant.spec.name}: ${what}`);
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      entrant.error = (error as Error).message;
      await entrant.stop();
    }
  };
  const begin = async (entrant: Entrant, index: number): Promise<void> => {
    await entrant.start(signal);
    if (entrant.spec.probe === true) entrant.first = await entrant.repeat();
    else if (!cold) {
      entrant.output = path.join(folder, `output-${index}.f32`);
      entrant.first = await entrant.repeat(entrant.output);
    }
  };
  const stays = !fresh && !cold;
  try {
    if (stays) {
      for (const [index, entrant] of entrants.entries())
        await attempt(entrant, 'load and first repetition', () => begin(entrant, index));
    }
    for (let round = 0; round < rounds; round++) {
      for (const [place, index] of rotated([...entrants.keys()], round).entries()) {
        const entrant = entrants[index]!;
        await attempt(entrant, `round ${round + 1} of ${rounds}`, async () => {
          if (!stays) await begin(entrant, index);
          const values = await entrant.repeat();
          entrant.rounds.push({ round, place, values: cold ? fromStart(values, entrant) : values });
          if (!stays) await entrant.stop();
        });
      }
    }
  } finally {
    await Promise.all(entrants.map((entrant) => entrant.stop()));
  }
  return await judge({ suite, title, settings, cold }, entrants, rounds);
}

/** Of a cold start: everything since the process began, and its parts. */
function fromStart(values: Values, { loadSeconds }: Entrant): Values {
  const repeatSeconds = Number(values.seconds);
  return { ...values, seconds: loadSeconds! + repeatSeconds, loadSeconds: loadSeconds!, repeatSeconds };
}

async function judge(
  { cold, ...about }: Pick<CaseResult, 'suite' | 'title' | 'settings'> & { readonly cold: boolean },
  entrants: readonly Entrant[],
  rounds: number,
): Promise<CaseResult> {
  // A cold start is more than its arithmetic.
  const flops = cold ? null : (entrants.map(({ facts }) => facts.flops).find(isNumber) ?? null);
  const references = entrants.filter(({ spec }) => spec.reference === true);
  const rivals = entrants.filter(({ spec }) => spec.probe !== true);
  const outputs = new Map<Entrant, Float32Array>();
  for (const entrant of rivals) {
    const output = await readOutput(entrant.output);
    if (output !== null) outputs.set(entrant, output);
  }
  // The reference in full precision, or else ourselves in full precision.
  const exact = [...references, ...rivals].find(
    (entrant) => outputs.has(entrant) && entrant.spec.dtype !== 'bfloat16',
  );
  const truth = exact && outputs.get(exact);
  const result = (entrant: Entrant): ContenderResult => {
    const { spec, facts, loadSeconds, startSeconds, first, peakBytes, error } = entrant;
    const seconds = byRound(entrant, 'seconds', rounds);
    const reference = references.find((other) => other.spec.dtype === spec.dtype);
    const probe = entrants.find((other) => other.spec.probe === true && other.spec.dtype === spec.dtype);
    const output = outputs.get(entrant);
    const done = seconds.filter((value) => value !== null);
    const compared = spec.probe !== true && reference !== undefined && reference !== entrant;
    const forms = entrants.filter(
      ({ spec: other }) =>
        other.dtype === spec.dtype && (other.reference === true || other.alternative === true),
    );
    const against =
      spec.probe !== true && spec.reference !== true && spec.alternative !== true && forms.length > 1;
    const roofed = spec.probe !== true && probe !== undefined && flops !== null;
    return {
      name: spec.name,
      dtype: spec.dtype ?? null,
      probe: spec.probe === true,
      facts,
      loadSeconds,
      startSeconds,
      first,
      rounds: entrant.rounds,
      summary: done.length === 0 ? null : summarizeRounds(done),
      peakBytes,
      speedUps: compared ? speedUps(seconds, byRound(reference, 'seconds', rounds)) : null,
      bestSpeedUps: against
        ? speedUps(seconds, fastest(forms.map((form) => byRound(form, 'seconds', rounds))))
        : null,
      roofShares: roofed ? roofShares(seconds, byRound(probe, 'gflops', rounds), flops) : null,
      maxAbsError:
        truth === undefined || output === undefined || entrant === exact
          ? null
          : maxAbsDifference(output, truth),
      error,
    };
  };
  return {
    ...about,
    flops,
    reference: references.map(({ spec }) => spec.name),
    exact: exact?.spec.name ?? null,
    contenders: entrants.map(result),
  };
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

/** A measure by round; null where there is none. */
function byRound({ rounds }: Entrant, key: string, count: number): (number | null)[] {
  return Array.from({ length: count }, (_, round) => {
    const value = rounds.find((each) => each.round === round)?.values[key];
    return typeof value === 'number' ? value : null;
  });
}

async function readOutput(file: string | null): Promise<Float32Array | null> {
  if (file === null) return null;
  const bytes = await readFile(file).catch(() => null);
  return bytes === null ? null : new Float32Array(new Uint8Array(bytes).buffer);
}
