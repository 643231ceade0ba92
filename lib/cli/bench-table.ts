import type { CaseResult, ContenderResult } from '../bench/run-case.js';
import { distribution } from '../metrics.js';
import { textTable } from './text-table.js';

/** Numbers that workloads measure beside `seconds`: how a table calls them, and with how many digits. */
const MEASURES: Readonly<Record<string, readonly [label: string, digits: number]>> = {
  perPromptMs: ['ms/prompt', 1],
  defineMs: ['define ms', 0],
  perExampleMs: ['ms/example', 0],
  queryMs: ['query ms', 0],
  fileKib: ['file KiB', 0],
  megavoxelsPerSecond: ['Mvoxel/s', 1],
  slices: ['slices', 0],
  feedWaitMs: ['feed ms', 2],
  devicePeakMib: ['GPU MiB', 0],
  loadSeconds: ['to loaded s', 2],
  repeatSeconds: ['embedding s', 2],
  stats: ['stats', 0],
  statP50Ms: ['stat p50 ms', 2],
  statP99Ms: ['stat p99 ms', 2],
  statMaxMs: ['stat max ms', 1],
  gflops: ['GFLOP/s', 1],
};

interface Column {
  readonly title: string;
  readonly cell: (contender: ContenderResult) => string;
}

/** A case for people: a line for each contender with all its rounds; columns that nobody fills are left out. */
export function caseTable(result: CaseResult): string {
  const { suite, title, contenders } = result;
  const lines = [`${suite}: ${title}`];
  const columns = columnsOf(result).filter(({ cell }) => contenders.some((each) => cell(each) !== ''));
  lines.push(
    textTable(
      [
        ['', ...columns.map((column) => column.title)],
        ...contenders.map((contender) => [contender.name, ...columns.map(({ cell }) => cell(contender))]),
      ],
      { indent: '  ' },
    ),
  );
  if (result.reference.length > 0)
    lines.push(`  faster: than ${result.reference.join(', ')}, round by round`);
  if (contenders.some(({ bestSpeedUps }) => bestSpeedUps !== null))
    lines.push('  than best: than the reference in its faster form');
  if (result.exact !== null && contenders.some(({ maxAbsError }) => maxAbsError !== null))
    lines.push(`  error: largest absolute difference from ${result.exact}`);
  for (const { name, error } of contenders) if (error !== null) lines.push(`  ${name} failed: ${error}`);
  return lines.join('\n');
}

function columnsOf({ flops }: CaseResult): Column[] {
  return [
    { title: 'load s', cell: ({ loadSeconds }) => fixed(loadSeconds, 2) },
    {
      title: 'first s',
      cell: ({ first }) => (typeof first?.seconds === 'number' ? time(first.seconds) : ''),
    },
    {
      title: 'rounds s',
      cell: ({ rounds }) => rounds.map(({ values }) => time(Number(values.seconds))).join(' '),
    },
    { title: 'median s', cell: ({ summary }) => (summary === null ? '' : time(summary.median)) },
    { title: 'faster', cell: ({ speedUps }) => byRound(speedUps, (value) => `${value.toFixed(2)}x`) },
    {
      title: 'than best',
      cell: ({ bestSpeedUps }) => byRound(bestSpeedUps, (value) => `${value.toFixed(2)}x`),
    },
    ...Object.entries(MEASURES).map(([key, [title, digits]]) => ({
      title,
      cell: (contender: ContenderResult) => fixed(medianOf(contender, key, flops), digits),
    })),
    {
      title: 'of roof',
      cell: ({ roofShares }) => byRound(roofShares, (share) => `${(100 * share).toFixed(0)}%`),
    },
    { title: 'peak GiB', cell: ({ peakBytes }) => fixed(peakBytes === null ? null : peakBytes / 2 ** 30, 2) },
    { title: 'error', cell: ({ maxAbsError }) => maxAbsError?.toExponential(1) ?? '' },
  ];
}

/** The rounds' median of a measure; null where the contender has no such. */
function medianOf({ rounds, summary }: ContenderResult, key: string, flops: number | null): number | null {
  const numbers = rounds.map(({ values }) => values[key]).filter((value) => typeof value === 'number');
  if (numbers.length > 0) return distribution(numbers).median;
  return key === 'gflops' && flops !== null && summary !== null ? flops / summary.median / 1e9 : null;
}

/** One value for each round; empty where no round has one. */
function byRound(values: readonly (number | null)[] | null, text: (value: number) => string): string {
  if (values === null || values.every((value) => value === null)) return '';
  return values.map((value) => (value === null ? '-' : text(value))).join(' ');
}

/** Seconds, to four digits: what is measured lies between microseconds and minutes. */
function time(seconds: number): string {
  return seconds >= 1000 ? seconds.toFixed(0) : seconds.toPrecision(4);
}

function fixed(value: number | null, digits: number): string {
  return value === null ? '' : value.toFixed(digits);
}
