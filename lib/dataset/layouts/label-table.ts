import { GmisegError } from '../../errors.js';

/**
 * The labels of a dataset.json, in nnU-Net's order (name -> value, values may be lists: regions) or the
 * Decathlon's (value -> name). Throws ERR_DATASET for values that are no labels.
 */
export function readLabels(
  json: { readonly labels?: unknown },
  jsonPath: string,
): { labels: Map<number, string>; regions: Map<string, number[]>; ignoreLabel: number | null } {
  const labels = new Map<number, string>();
  const regions = new Map<string, number[]>();
  let ignoreLabel: number | null = null;
  if (typeof json.labels !== 'object' || json.labels === null) {
    throw new GmisegError(
      'ERR_DATASET',
      `${jsonPath} has no "labels"; add { "background": 0, "NAME": 1, ... }.`,
    );
  }
  const wrong = (name: string, value: unknown): GmisegError =>
    new GmisegError(
      'ERR_DATASET',
      `Label "${name}" in ${jsonPath} is ${JSON.stringify(value)}; it must be a whole number from 0 to 255 or a list of them.`,
    );
  for (const [key, value] of Object.entries(json.labels as Record<string, unknown>)) {
    // The Decathlon writes the same table the other way round: number -> name.
    const swapped = /^\d+$/.test(key) && typeof value === 'string';
    const name = swapped ? (value as string) : key;
    const number = swapped
      ? Number(key)
      : typeof value === 'string' && /^\d+$/.test(value)
        ? Number(value)
        : value;
    if (Array.isArray(number)) {
      if (number.length === 0 || !number.every(isLabelValue)) throw wrong(name, value);
      regions.set(name, number as number[]);
      continue;
    }
    if (!isLabelValue(number)) throw wrong(name, value);
    if (number === 0) continue;
    if (name === 'ignore') ignoreLabel = number;
    else labels.set(number, name);
  }
  // Values that only occur inside regions still need a name of their own.
  for (const values of regions.values()) {
    for (const value of values) {
      if (value === 0 || labels.has(value)) continue;
      const alone = [...regions].find(([, list]) => list.length === 1 && list[0] === value);
      labels.set(value, alone?.[0] ?? `label ${value}`);
    }
  }
  return { labels, regions, ignoreLabel };
}

function isLabelValue(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
}
