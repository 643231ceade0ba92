import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { describeMachine, type Machine } from '../bench/machine.js';
import type { Peers } from '../bench/run-bench.js';
import { SUITES } from '../bench/suites/index.js';
import type { BenchOptions, Suite } from '../bench/suites/suite.js';
import { writeFileAtomically } from '../write-file.js';
import { caseTable } from './bench-table.js';
import { type CommandContext, define } from './context.js';
import { device, dtype } from './model-options.js';
import { integer } from './parsers.js';
import type { Shell } from './shell.js';
import { UsageError } from './usage-error.js';

interface BenchFlags extends Omit<BenchOptions, 'quick' | 'configs' | 'fresh'> {
  quick?: boolean;
  fresh?: boolean;
  config?: readonly string[];
  out?: string;
}

/** @param peers others to measure beside gmiseg */
export function registerBench(program: Command, shell: Shell, peers?: Peers): void {
  const command = program
    .command('bench')
    .description('measure what things cost on this machine, in interleaved rounds')
    .argument('[suite...]', `${SUITES.map(({ name }) => name).join(', ')} (default: all)`)
    .option('--rounds <n>', 'how often each contender does its work', integer('--rounds', 1, 1000), 3)
    .option('--quick', 'small models and inputs: whether everything works, not how fast')
    .option(
      '--config <name,...>',
      'models with random weights: vit_b, vit_l, a config.json, ...',
      words('--config'),
    )
    .option('--model <file>', 'a checkpoint in place of random weights')
    .option('--dtypes <type,...>', 'float32, bfloat16', list('--dtypes', dtype))
    .option('--sizes <pixels,...>', 'sides of the input', list('--sizes', integer('--sizes', 8, 8192)))
    .option('--n <n,...>', 'examples, volumes or jobs, see below', list('--n', integer('--n', 1, 4096)))
    .option('--prompts <n,...>', 'boxes decoded together', list('--prompts', integer('--prompts', 1, 4096)))
    .option(
      '--threads <n,...>',
      'CPU threads of one operation',
      list('--threads', integer('--threads', 1, 4096)),
    )
    .option('--device <name>', 'where models run: cpu, cuda or cuda:N', device, 'cpu')
    .option(
      '--contenders <name,...>',
      'only those, by the names in the table: "gmiseg float32"',
      words('--contenders'),
    )
    .option('--fresh', 'start contenders anew in every round: one in memory at a time')
    .option('--out <file>', 'write everything as JSON; grows with every case')
    .addHelpText(
      'after',
      `\nSuites:\n${SUITES.map(({ name, about }) => `  ${name.padEnd(11)} ${about}`).join('\n')}`,
    );
  define<BenchFlags>(
    command,
    shell,
    'gmiseg bench encode --config vit_b --rounds 5 --out encode.json',
    (flags, context, names) => runBenchCommand(flags, context, names, peers),
  );
}

async function runBenchCommand(
  flags: BenchFlags,
  context: CommandContext,
  names: readonly string[],
  peers?: Peers,
): Promise<void> {
  const suites = chosenSuites(names);
  const { out, config, quick = false, fresh = false, ...rest } = flags;
  const options: BenchOptions = {
    ...pick(rest, ['rounds', 'model', 'dtypes', 'device', 'sizes', 'n', 'prompts', 'threads', 'contenders']),
    ...(config === undefined ? {} : { configs: config }),
    quick,
    fresh,
  };
  if (options.model !== undefined && options.configs !== undefined)
    throw new UsageError('--model and --config both name what to measure; give one of them.');
  // Peers choose nothing by themselves.
  if (options.device === 'auto') throw new UsageError('--device auto: name one, cpu, cuda or cuda:N.');
  if (out !== undefined && (await stat(out).catch(() => null))?.isDirectory() === true)
    throw new UsageError(`--out ${out} is a folder; name a file.`);
  const { runBench, warningsOf } = await import('../bench/run-bench.js');
  const machine = describeMachine();
  context.say(machineLine(machine));
  for (const warning of warningsOf(machine, options)) context.warn(warning);
  const report = await runBench({
    ...options,
    suites,
    machine,
    ...(peers === undefined ? {} : { peers }),
    command: context.commandLine,
    signal: context.signal,
    onStep: (text) => context.progress.note(text),
    onCase: async (result, soFar) => {
      context.say(`\n${caseTable(result)}`);
      if (out !== undefined) await writeFileAtomically(out, `${JSON.stringify(soFar, null, 2)}\n`);
    },
  });
  if (context.json) context.print(report, '');
  if (out !== undefined) context.say(`Wrote ${out}`);
  if (report.cases.some(({ contenders }) => contenders.some(({ error }) => error !== null))) context.fail();
}

/** @throws UsageError */
function chosenSuites(names: readonly string[]): readonly Suite[] {
  const unknown = names.find((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown !== undefined) {
    throw new UsageError(
      `There is no suite ${unknown}; choose among ${SUITES.map(({ name }) => name).join(', ')}.`,
    );
  }
  return names.length === 0 ? SUITES : SUITES.filter(({ name }) => names.includes(name));
}

function machineLine({ cpu, isa, cores, memoryBytes, loadAverage, system, node }: Machine): string {
  const memory = (memoryBytes / 2 ** 30).toFixed(1);
  const load = loadAverage.map((each) => each.toFixed(2)).join(' ');
  return [
    `${cpu}, ${cores} cores, ${isa.join(' ')}`,
    `${memory} GiB, ${system}, Node ${node}, load ${load}`,
  ].join('\n');
}

/** A parser of values with commas between them, each read by `parse`. */
function list<T>(flag: string, parse: (text: string) => T): (text: string) => T[] {
  return (text) => words(flag)(text).map(parse);
}

function words(flag: string): (text: string) => string[] {
  return (text) => {
    const parts = text.split(',').map((part) => part.trim());
    if (parts.includes('')) throw new UsageError(`${flag} ${text}: give values with commas between them.`);
    return [...new Set(parts)];
  };
}

/** The keys that are there. */
function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(
    keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]),
  ) as Pick<T, K>;
}
