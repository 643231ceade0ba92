import { stat } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { quantile } from '../statistics/quantile.js';
import type { Values } from './protocol.js';
import { timed } from './workloads/workload.js';

/** Between two questions: asking without a break would take a processor from the work. */
const PAUSE_MS = 5;

/**
 * How long somebody waits for `fs.stat` of a file, which needs the event loop and one of libuv's threads, while `work`
 * runs: from when it was due to be asked, so that a loop that is blocked counts too. A timer's millisecond is in it.
 */
export async function statDelays(file: string, work: () => Promise<unknown>): Promise<Values> {
  let busy = true;
  const running = timed(work).finally(() => {
    busy = false;
  });
  const delays: number[] = [];
  while (busy) {
    const asked = timed(async () => {
      await pause(PAUSE_MS);
      await stat(file);
    });
    delays.push(Math.max(0, 1000 * (await asked).seconds - PAUSE_MS));
  }
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
