import { loadSharp } from '../../image/load-sharp.js';
import { optionalModule } from '../../image/optional-module.js';
import type { ChartSection } from './content.js';

/** A chart, drawn. */
export interface DrawnChart {
  readonly svg: string;
  readonly png: Uint8Array;
}

const PURPOSE = 'drawing the charts of a report';
/** PNG pixels for one of the SVG. */
const SCALE = 2;

interface ChartTools {
  readonly vega: typeof import('vega');
  readonly vegaLite: typeof import('vega-lite');
}

/**
 * What draws charts; it is loaded where a report is wanted alone.
 * @throws GmisegError with the command that installs it
 */
export async function chartTools(): Promise<ChartTools> {
  return {
    vega: await optionalModule<typeof import('vega')>('vega', PURPOSE),
    vegaLite: await optionalModule<typeof import('vega-lite')>('vega-lite', PURPOSE),
  };
}

/** Compiles a Vega-Lite chart and draws it, without a browser. */
export async function drawChart({ spec, rows }: ChartSection): Promise<DrawnChart> {
  const { vega, vegaLite } = await chartTools();
  const full = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    ...spec,
    data: { values: rows },
    config: {
      font: 'sans-serif',
      axis: { labelFontSize: 12, titleFontSize: 12, labelLimit: 260 },
      legend: { labelFontSize: 12, titleFontSize: 12, labelLimit: 320 },
      header: { labelFontSize: 13 },
    },
  } as unknown as import('vega-lite').TopLevelSpec;
  const view = new vega.View(vega.parse(vegaLite.compile(full).spec), { renderer: 'none' });
  try {
    view.logLevel(vega.Error);
    const svg = await view.toSVG();
    const png = await (await loadSharp())(Buffer.from(svg), { density: 72 * SCALE })
      .png()
      .toBuffer();
    return { svg, png };
  } finally {
    view.finalize();
  }
}
