/**
 * How the benchmark talks with its contenders: JSON lines, a request on standard input, its answer on standard
 * output, in order. A contender is asked to `prepare` once, then to `repeat`, and leaves when its input ends.
 */

/** What a contender is told about its work; keys beside these are the workload's own. */
export interface Settings {
  /** A variant's name or a config as JSON; ignored where `model` is given. */
  readonly config?: string | Readonly<Record<string, unknown>>;
  /** A file of weights; the package's own model where neither this nor `config` is given. */
  readonly model?: string;
  readonly dtype?: DType;
  /** `cpu` where left out, or `cuda`, `cuda:N`. */
  readonly device?: string;
  /** Side of the encoder's input, in pixels. */
  readonly size?: number;
  /** CPU threads of one operation; 0 leaves the choice to the library. */
  readonly threads?: number;
  readonly [key: string]: unknown;
}

export type DType = 'float32' | 'bfloat16';

export type Request =
  | { readonly do: 'prepare'; readonly workload: string; readonly settings: Settings }
  /** `save`: also write the output there, as raw little-endian float32. */
  | { readonly do: 'repeat'; readonly save?: string };

/** Numbers of one repetition, `seconds` always, and facts such as versions, as strings. */
export type Values = Readonly<Record<string, number | string>>;

export type Answer =
  | { readonly ok: true; readonly values: Values; readonly peakBytes: number }
  | { readonly ok: false; readonly error: string };

/** One line of a contender's standard output. @throws SyntaxError */
export function parseAnswer(line: string): Answer {
  const answer = JSON.parse(line) as Partial<Answer> | null;
  if (typeof answer?.ok !== 'boolean') throw new SyntaxError(`no answer: ${line.slice(0, 200)}`);
  return answer as Answer;
}
