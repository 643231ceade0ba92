import { encode as encodePng } from 'fast-png';
import { drawSupports } from './draws.js';
import type { OpenMethod } from './open-method.js';
import { type MaskPixels, scoreMask } from './score-mask.js';
import { readSlice, subjectOf, type TaskSlice } from './test-task.js';
import { RESULT_SCHEMA, type Unit, type UnitResult } from './unit.js';

/** Asks a method for the queries of a unit. `seed` is that of the support sets. */
export async function runUnit(unit: Unit, method: OpenMethod, seed: number): Promise<UnitResult> {
  const start = performance.now();
  const { task, n, draw, ensemble, protocol } = unit;
  // Each member has a support set of its own, as far as the pool goes. Who looks at none is shown one all the same.
  const count = Math.max(1, n) * ensemble;
  const drawn = protocol === 'support' ? drawSupports(task.pool, count, { seed, draw }) : [];
  const supports = await Promise.all(drawn.map((entry) => readSlice(task, entry)));
  const defined =
    protocol === 'support' ? await method.define(supports, { ensemble, subset: n, seed: draw }) : null;
  try {
    const queries: UnitResult['queries'] = [];
    for (const entry of task.queries) {
      const slice = await readSlice(task, entry);
      const data = defined === null ? await method.predictInBox(slice) : await defined.predict(slice);
      const mask = { ...slice.mask, data };
      queries.push({
        name: slice.name,
        subject: subjectOf(task, entry),
        ...(await scoreMask(mask, slice.mask, { ...spacingOf(slice), signal: method.signal })),
        ...(queries.length < unit.pictures ? { mask: packed(mask) } : {}),
      });
    }
    return {
      schema: RESULT_SCHEMA,
      unit: unit.id,
      protocol,
      method: unit.instance.method,
      seed: unit.instance.seed,
      task: task.id,
      n,
      draw,
      ensemble,
      supports: supports.slice(0, n * ensemble).map(({ name }) => name),
      recipe: defined?.recipe ?? '',
      queries,
      seconds: (performance.now() - start) / 1000,
      device: method.device,
    };
  } finally {
    defined?.close();
  }
}

function spacingOf({ image: { spacing } }: TaskSlice): Pick<TaskSlice['image'], 'spacing'> {
  return spacing === undefined ? {} : { spacing };
}

function packed({ data, width, height }: MaskPixels): string {
  const png = encodePng({ data: data.map((value) => (value === 0 ? 0 : 255)), width, height, channels: 1 });
  return Buffer.from(png).toString('base64');
}
