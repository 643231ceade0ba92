import type { ChartSection } from './content.js';

type Spec = ChartSection['spec'];

const SCORE = { type: 'quantitative', scale: { zero: false } } as const;

/** Bars side by side for each group, with what they vary by. Rows: group, series, mean, low, high. */
export function barChart(group: string, value: string): Spec {
  return {
    width: { step: 16 },
    height: 300,
    encoding: {
      x: { field: 'group', type: 'nominal', title: group, sort: null, axis: { labelAngle: -30 } },
      xOffset: { field: 'series', sort: null },
    },
    layer: [
      {
        mark: { type: 'bar' },
        encoding: {
          y: { field: 'mean', type: 'quantitative', title: value },
          color: { field: 'series', type: 'nominal', title: null, sort: null },
        },
      },
      {
        mark: { type: 'rule', color: '#222' },
        encoding: { y: { field: 'low', type: 'quantitative', title: value }, y2: { field: 'high' } },
      },
    ],
  } as Spec;
}

/**
 * Lines with a band round them. Rows: x, series, mean, low, high, and panel where `columns` says how many panels stand
 * in a row. `counts`: the values of x, if they are counts, which double rather than add up.
 */
export function lineChart(
  x: string,
  value: string,
  { counts, columns = 0 }: { readonly counts?: readonly number[]; readonly columns?: number } = {},
): Spec {
  const scale =
    counts === undefined
      ? { scale: { zero: false } }
      : { scale: { type: 'log', base: 2 }, axis: { values: counts, format: 'd' } };
  const size = { width: columns > 0 ? 240 : 520, height: columns > 0 ? 180 : 320 };
  const layers = {
    encoding: {
      x: { field: 'x', type: 'quantitative', title: x, ...scale },
      color: { field: 'series', type: 'nominal', title: null, sort: null },
    },
    layer: [
      {
        mark: { type: 'area', opacity: 0.2 },
        encoding: { y: { field: 'low', ...SCORE, title: value }, y2: { field: 'high' } },
      },
      {
        mark: { type: 'line', point: true },
        encoding: { y: { field: 'mean', ...SCORE, title: value } },
      },
    ],
  };
  if (columns === 0) return { ...size, ...layers } as Spec;
  return {
    facet: { field: 'panel', type: 'nominal', title: null, sort: null },
    columns,
    spec: { ...size, ...layers },
    resolve: { scale: { y: 'independent' } },
  } as unknown as Spec;
}

/** Points, a large one for each series' mean. Rows: x, y, series, mean (true for the large ones). */
export function scatterChart(x: string, y: string): Spec {
  const encoding = {
    x: { field: 'x', ...SCORE, title: x },
    y: { field: 'y', ...SCORE, title: y },
    color: { field: 'series', type: 'nominal', title: null, sort: null },
  };
  const rule = { color: '#888', strokeDash: [4, 4] };
  return {
    width: 520,
    height: 360,
    layer: [
      { mark: { type: 'rule', ...rule }, encoding: { x: { datum: 0 } } },
      { mark: { type: 'rule', ...rule }, encoding: { y: { datum: 0 } } },
      {
        transform: [{ filter: "datum.kind === 'seed'" }],
        mark: { type: 'point', filled: true, size: 40, opacity: 0.6 },
        encoding,
      },
      {
        transform: [{ filter: "datum.kind === 'mean'" }],
        mark: { type: 'point', filled: true, size: 180, stroke: '#222' },
        encoding,
      },
    ],
  } as Spec;
}

/** A bar's or point's mean with a standard deviation to either side. */
export function spread({ mean, std }: { readonly mean: number; readonly std: number }): {
  mean: number;
  low: number;
  high: number;
} {
  return { mean, low: mean - std, high: mean + std };
}
