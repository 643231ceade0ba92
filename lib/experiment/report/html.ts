import type { Cell, TableCell, TableSection } from './content.js';

/** A picture of a page, as it stands in it. */
export interface PagePicture {
  readonly kind: 'picture';
  readonly title: string;
  readonly note?: string;
  readonly type: 'image/svg+xml' | 'image/png';
  readonly bytes: Uint8Array;
  /** Longest width on the page, in CSS pixels. */
  readonly width?: number;
}

export interface Page {
  readonly title: string;
  readonly lead: string;
  /** Shown in a box above all else. */
  readonly warning?: string;
  readonly sections: readonly (TableSection | PagePicture)[];
  /** Where all this comes from: name -> text, long texts folded. */
  readonly facts: readonly (readonly [name: string, text: string])[];
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c1d20; --paper: #fff; --line: #d5d7dc; --soft: #f4f5f7; --quiet: #60646c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e7ea; --paper: #17181b; --line: #3a3d44; --soft: #212328; --quiet: #a0a4ad; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1100px;
  margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p.note { color: var(--quiet); margin: .25rem 0 .75rem; }
p.warning { border: 1px solid #c98a00; border-radius: 6px; padding: .6rem .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { background: var(--soft); font-weight: 600; }
td.text, th.text { text-align: left; }
img { max-width: 100%; height: auto; border-radius: 4px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; font-size: .92rem; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .8rem; border-radius: 6px; overflow-x: auto; font-size: .82rem; }
`;

/** One file that needs nothing else, not even a network. */
export function renderPage({ title, lead, warning, sections, facts }: Page): string {
  const body = [
    `<h1>${escapeHtml(title)}</h1>`,
    ...(warning === undefined ? [] : [`<p class="warning">${escapeHtml(warning)}</p>`]),
    `<p>${escapeHtml(lead)}</p>`,
    ...sections.map((section) => (section.kind === 'table' ? table(section) : picture(section))),
    '<h2>Where this comes from</h2>',
    `<dl>${facts.map(([name, text]) => `<dt>${escapeHtml(name)}</dt><dd>${fact(text)}</dd>`).join('')}</dl>`,
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${body.join('\n')}
</body>
</html>
`;
}

function heading(title: string, note: string | undefined): string {
  return `<h2>${escapeHtml(title)}</h2>${note === undefined ? '' : `<p class="note">${escapeHtml(note)}</p>`}`;
}

function table({ title, note, columns, rows }: TableSection): string {
  const head = columns.map((column, at) => {
    const words = rows.every((row) => typeof content(row[at] ?? null).value !== 'number');
    return `<th scope="col"${words ? ' class="text"' : ''}>${escapeHtml(typeof column === 'string' ? column : column.title)}</th>`;
  });
  const lines = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`);
  return `<section>${heading(title, note)}<div class="scroll"><table><thead><tr>${head.join('')}</tr></thead>
<tbody>${lines.join('\n')}</tbody></table></div></section>`;
}

function cell(given: TableCell): string {
  const { text, value, strong } = content(given);
  const shown = strong === true ? `<strong>${escapeHtml(text)}</strong>` : escapeHtml(text);
  return typeof value === 'string' ? `<td class="text">${shown}</td>` : `<td>${shown}</td>`;
}

function content(cell: TableCell): Exclude<TableCell, Cell> {
  if (typeof cell === 'object' && cell !== null) return cell;
  return { text: typeof cell === 'number' ? cell.toLocaleString('en') : (cell ?? '–'), value: cell };
}

function picture({ title, note, type, bytes, width }: PagePicture): string {
  const source = `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;
  const size = width === undefined ? '' : ` style="width:${width}px"`;
  return `<section>${heading(title, note)}<img alt="${escapeHtml(title)}"${size} src="${source}"></section>`;
}

function fact(text: string): string {
  return text.includes('\n')
    ? `<details><summary>show</summary><pre>${escapeHtml(text)}</pre></details>`
    : escapeHtml(text);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] as string);
}
