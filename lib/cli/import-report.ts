import type { ImportSummary } from '../dataset/import-dataset.js';
import { formatTasks } from '../dataset/task-table.js';
import type { FingerprintCase, VerifyProblem, VerifyReport } from '../dataset/verify-dataset.js';
import { duration } from './progress.js';

/** Problems of one kind that are printed before "and N more". */
const SHOWN = 3;

/** What an import did, for people. */
export function describeImport(summary: ImportSummary): string {
  const sides = Object.entries(summary.splits).map(
    ([name, { subjects, slices }]) => `  ${name.padEnd(5)} ${slices} slices of ${subjects} subjects`,
  );
  const resumed = summary.resumedCases > 0 ? `, ${summary.resumedCases} of them done before` : '';
  return [
    `${summary.store}: ${summary.slices} slices of ${summary.cases} cases${resumed} (dataset "${summary.dataset}")`,
    ...sides,
    formatTasks(summary.tasks),
    `  ${duration(summary.seconds)}, ${summary.rate.toFixed(1)} MB/s`,
    `Next: gmiseg train --data ${summary.store} --out runs/first`,
  ].join('\n');
}

/** What a verification found, for people. */
export function describeReport(report: VerifyReport): string {
  const { cases, problems } = report;
  const read = cases.filter((one) => one.facts !== null);
  const sides = (['train', 'val', 'test'] as const).map(
    (side) => `${cases.filter((one) => one.split === side).length} ${side}`,
  );
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  return [
    `${report.dataset}: ${cases.length} cases of ${new Set(cases.map((one) => one.subject)).size} subjects (${sides.join(', ')})`,
    ...rows([
      [
        'images',
        spread(read, (one) => one.facts!.channels.map((c) => `${c.modality || '?'} ${c.type}`).join(' + ')),
      ],
      ['shape', spread(read, (one) => one.facts!.shape.join(' x '))],
      [
        'spacing',
        spread(read, (one) => one.facts!.spacing?.map((mm) => +mm.toPrecision(4)).join(' x ') ?? 'unknown'),
      ],
      ['axes', spread(read, (one) => one.facts!.orientation ?? 'pictures')],
      ['values', values(read)],
      ['window', spread(read, (one) => one.facts!.channels.map((c) => c.window).join(' + '))],
    ]),
    formatTasks(report.tasks),
    ...problemLines(problems),
    errors === 0
      ? `No errors, ${problems.length} warnings; ${duration(report.seconds)}, ${report.rate.toFixed(1)} MB/s.`
      : `${errors} errors, ${problems.length - errors} warnings: mend the errors before you import.`,
    ...report.written.map((file) => `Wrote ${file}`),
  ].join('\n');
}

function rows(pairs: readonly (readonly [string, string])[]): string[] {
  return pairs.map(([name, text]) => `  ${name.padEnd(8)} ${text}`);
}

/** The values that occur, the commonest first, with their counts where there are several. */
function spread(cases: readonly FingerprintCase[], of: (one: FingerprintCase) => string): string {
  const counts = new Map<string, number>();
  for (const one of cases) counts.set(of(one), (counts.get(of(one)) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  if (sorted.length === 1) return sorted[0]![0];
  const shown = sorted.slice(0, SHOWN).map(([text, count]) => `${text} (${count})`);
  return `${shown.join(', ')}${sorted.length > SHOWN ? `, ${sorted.length - SHOWN} others` : ''}`;
}

function values(cases: readonly FingerprintCase[]): string {
  const channels = cases.flatMap((one) => one.facts!.channels);
  if (channels.length === 0) return '-';
  const text = (value: number): string => String(+value.toPrecision(5));
  const low = Math.min(...channels.map((c) => c.min));
  const high = Math.max(...channels.map((c) => c.max));
  const middle = (at: 0 | 1): number => {
    const sorted = channels.map((c) => c.percentiles[at]).sort((a, b) => a - b);
    return sorted[sorted.length >> 1]!;
  };
  return `${text(low)} to ${text(high)}, typically ${text(middle(0))} to ${text(middle(1))} (0.5 to 99.5 %)`;
}

function problemLines(problems: readonly VerifyProblem[]): string[] {
  const kinds = new Map<string, VerifyProblem[]>();
  for (const problem of problems) {
    // Read failures differ in each message: they are listed one by one.
    const key =
      problem.severity === 'error'
        ? `${problem.case} ${problem.message}`
        : `${problem.code} ${problem.message}`;
    kinds.set(key, [...(kinds.get(key) ?? []), problem]);
  }
  return [...kinds.values()]
    .sort(([a], [b]) => a!.severity.localeCompare(b!.severity))
    .map((list) => {
      const [first] = list as [VerifyProblem, ...VerifyProblem[]];
      const who =
        first.case === null ? '' : `${first.case}${list.length > 1 ? ` and ${list.length - 1} more` : ''}: `;
      return `${first.severity}: ${who}${first.message}${first.severity === 'error' ? ` (${first.code})` : ''}`;
    });
}
