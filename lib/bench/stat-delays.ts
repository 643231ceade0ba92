import { stat } from 'node:fs/promises';
import { quantile } from '../statistics/quantile.js';
import type { Values } from './protocol.js';
import { timed } from './workloads/workload.js';

/** How long `fs.stat` of a file, which needs the event loop and one of libuv's threads, takes while `work` runs. */
export async function statDelays(file: string, work: () => Promise<unknown>): Promise<Values> {
  let busy = true;
  const running = timed(work).finally(() => {
    busy = false;
  });
  const delays: number[] = [];
  while (busy) delays.push(1000 * (await timed(() => stat(file))).seconds);
  const { seconds } = await running;
  const sorted = Float64Array.from(delays).sort();
  return {
    seconds,
    stats: sorted.length,
    statP50Ms: quantile(sorted, 0.5),
    statP99Ms: quantile(sorted, 0.99),
    statMaxMs: sorted.at(-1) ?? Number.NaN,
  };
}
