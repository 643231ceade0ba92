import type { ContenderSpec } from '../contender.js';
import type { DType, Settings } from '../protocol.js';

/** What a run may be told; lists are growth curves, a case for each value. What is left out, the suite chooses. */
export interface BenchOptions {
  readonly rounds: number;
  /** Small models and inputs: whether everything works, not how fast. */
  readonly quick: boolean;
  readonly configs?: readonly string[];
  /** A checkpoint, in place of random weights. */
  readonly model?: string;
  readonly dtypes?: readonly DType[];
  /** `cpu` where left out; of the suites that run a model. */
  readonly device?: string;
  readonly sizes?: readonly number[];
  readonly n?: readonly number[];
  readonly prompts?: readonly number[];
  readonly threads?: readonly number[];
  /** Names of those who take part; all where left out. */
  readonly contenders?: readonly string[];
  /** Start every contender anew in every round: slower, but only one is in memory at a time. */
  readonly fresh: boolean;
}

/** Work that contenders are compared in. */
export interface BenchCase {
  readonly suite: string;
  /** `vit_l, 1024 pixels` */
  readonly title: string;
  readonly workload: string;
  /** What all contenders are told; their own settings win. */
  readonly settings: Settings;
  readonly contenders: readonly ContenderSpec[];
  /** Writes what the contenders read into an empty folder; what it returns is added to the settings. */
  readonly materials?: (folder: string) => Promise<Settings>;
  /** The repetition is the process' first one and counts from its start: nothing is warmed up. */
  readonly cold?: boolean;
}

export interface Suite {
  readonly name: string;
  /** For --help. */
  readonly about: string;
  cases(options: BenchOptions): BenchCase[];
}
