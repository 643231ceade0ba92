import path from 'node:path';
import { writeFileAtomically } from '../../write-file.js';
import type { Experiment, Setup } from '../experiment.js';
import type { Results } from '../results.js';
import { METRICS } from '../score-mask.js';
import { drawChart } from './chart.js';
import { COMPARISON_COLUMNS, comparisonRow } from './comparison-table.js';
import type { Cell, Column, Section, TableCell, TableSection } from './content.js';
import { csv } from './csv.js';
import type { Environment } from './environment.js';
import { type PagePicture, renderPage } from './html.js';
import { trainingsTable } from './trainings-table.js';

export interface ReportOptions {
  readonly out: string;
  readonly commandLine: string;
  readonly environment: Environment;
  /** Units that are not there yet. */
  readonly missing: number;
}

/**
 * Writes OUT/report.html, one file that needs nothing else, and OUT/report/ with each table and chart as a file.
 * @returns the page's path
 */
export async function writeReport(
  experiment: Experiment,
  setup: Setup,
  results: Results,
  { out, commandLine, environment, missing }: ReportOptions,
): Promise<string> {
  const content = await experiment.report(setup, results);
  const file = (name: string): string => path.join(out, 'report', name);
  const sections: (TableSection | PagePicture)[] = [];
  for (const section of [...content.sections, ...trainingsTable(results)]) {
    sections.push(await writeSection(section, file));
  }
  await writeFileAtomically(file('queries.csv'), queriesCsv(results));
  const { comparisons } = content;
  if (comparisons !== undefined)
    await writeFileAtomically(
      file('comparisons.csv'),
      csv(COMPARISON_COLUMNS, comparisons.map(comparisonRow)),
    );
  const page = path.join(out, 'report.html');
  const { commit, gmiseg, machine, devices, node, torch } = environment;
  const used = [...new Set([...results.all, ...results.trainings].map(({ device }) => device))];
  const html = renderPage({
    title: setup.config.title ?? experiment.title,
    lead: content.lead,
    ...(missing === 0 ? {} : { warning: `Not complete: ${missing} units are still to be done.` }),
    sections,
    facts: [
      ['experiment', experiment.name],
      ['command', commandLine],
      ['gmiseg', `${gmiseg}${commit === null ? '' : `, commit ${commit}`}`],
      ['versions', `Node ${node}, LibTorch ${torch}`],
      ['machine', machine],
      ['devices', `${used.join(', ')} (here: ${devices.join(', ')})`],
      ['seeds', `support sets ${setup.config.seed}; trainings ${setup.config.seeds.join(', ')}`],
      ['written', new Date().toISOString()],
      ['config', JSON.stringify(setup.config, null, 2)],
    ],
  });
  await writeFileAtomically(page, html);
  return page;
}

async function writeSection(
  section: Section,
  file: (name: string) => string,
): Promise<TableSection | PagePicture> {
  const { name, title, note } = section;
  const words = { title, ...(note === undefined ? {} : { note }) };
  if (section.kind === 'table') {
    await writeFileAtomically(file(`${name}.csv`), tableCsv(section));
    return section;
  }
  if (section.kind === 'sheet') {
    await writeFileAtomically(file(`${name}.png`), section.png);
    return { kind: 'picture', ...words, type: 'image/png', bytes: section.png };
  }
  const columns = [...new Set(section.rows.flatMap((row) => Object.keys(row)))];
  const rows = section.rows.map((row) => columns.map((column) => row[column] ?? null));
  const { svg, png } = await drawChart(section);
  await writeFileAtomically(file(`${name}.csv`), csv(columns, rows));
  await writeFileAtomically(file(`${name}.svg`), svg);
  await writeFileAtomically(file(`${name}.png`), png);
  return { kind: 'picture', ...words, type: 'image/svg+xml', bytes: Buffer.from(svg) };
}

function tableCsv({ columns, rows }: TableSection): string {
  const titles = columns.flatMap((column) =>
    typeof column === 'string'
      ? [column]
      : [column.title, ...column.parts.map((part) => `${column.title} ${part}`)],
  );
  const cells = rows.map((row) => columns.flatMap((column, at) => plainCells(column, row[at] ?? null)));
  return csv(titles, cells);
}

function plainCells(column: Column, cell: TableCell): Cell[] {
  const { value, parts = [] } = typeof cell === 'object' && cell !== null ? cell : { value: cell };
  return typeof column === 'string' ? [value] : [value, ...column.parts.map((_, at) => parts[at] ?? null)];
}

/** Every query of every unit, for whoever wants to count otherwise. */
function queriesCsv({ all }: Results): string {
  const metrics = METRICS.map(({ key }) => key);
  const columns = [
    'method',
    'seed',
    'task',
    'protocol',
    'n',
    'draw',
    'ensemble',
    'query',
    'subject',
    ...metrics,
    'ASSD unit',
    'empty',
  ];
  const rows = all.flatMap(({ method, seed, task, protocol, n, draw, ensemble, queries }) =>
    queries.map(({ name, subject, scores, unit, empty }): Cell[] => [
      method,
      seed,
      task,
      protocol,
      n,
      draw,
      ensemble,
      name,
      subject,
      ...metrics.map((key) => scores[key]),
      unit,
      empty,
    ]),
  );
  return csv(columns, rows);
}
