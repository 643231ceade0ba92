import type { NiftiExtension } from './nifti-extensions.js';
import type { Volume } from './types.js';

/** Names of label values. */
export type LabelNames = ReadonlyMap<number, string>;

/** The code that TotalSegmentator gives its label table, and that its readers expect. */
const LABEL_TABLE_CODE = 0;

/** Colours for label tables and pictures, told apart by colour-blind people (Okabe and Ito's set), 0-255. */
export const LABEL_COLOURS: readonly (readonly [number, number, number])[] = [
  [86, 180, 233],
  [230, 159, 0],
  [0, 158, 115],
  [240, 228, 66],
  [204, 121, 167],
  [213, 94, 0],
  [0, 114, 178],
];

function unescapeXml(text: string): string {
  return text
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&apos;/g, "'")
    .replace(/&amp;/g, '&');
}

/** Label names from the label table that a volume's header extensions hold; empty where there is none. */
export function readLabelNames(volume: Volume): LabelNames {
  const names = new Map<number, string>();
  const { source } = volume;
  for (const { data } of source?.format === 'nifti' ? source.extensions : []) {
    const text = new TextDecoder().decode(data);
    if (!text.includes('<LabelTable>')) continue;
    const label = /<Label\s[^>]*?Key="(-?\d+)"[^>]*>(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))<\/Label>/gs;
    for (const [, key, cdata, plain] of text.matchAll(label))
      names.set(Number(key), cdata ?? unescapeXml(plain ?? '').trim());
  }
  return names;
}

/** A label table as a header extension (Caret XML, the form that TotalSegmentator writes and reads). */
export function labelTableExtension(names: LabelNames): NiftiExtension {
  const rows = [...names]
    .sort(([a], [b]) => a - b)
    .map(([value, name], i) => {
      const [r, g, b] = LABEL_COLOURS[i % LABEL_COLOURS.length]!.map((c) => (c / 255).toFixed(4));
      // A CDATA section cannot hold its own end mark.
      const text = name.replaceAll(']]>', ']] >');
      return `<Label Key="${value}" Red="${r}" Green="${g}" Blue="${b}" Alpha="1"><![CDATA[${text}]]></Label>`;
    });
  const xml =
    '<?xml version="1.0" encoding="UTF-8"?><CaretExtension><VolumeInformation Index="0"><LabelTable>\n' +
    `${rows.join('\n')}\n</LabelTable></VolumeInformation></CaretExtension>`;
  return { code: LABEL_TABLE_CODE, data: new TextEncoder().encode(xml) };
}
