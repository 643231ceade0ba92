/** gmiseg as a contender of its own benchmark: a process that answers the requests of protocol.ts. */
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { peakMemory } from './peak-memory.js';
import type { Answer, Request, Values } from './protocol.js';
import { WORKLOADS } from './workloads/index.js';
import { timed, type Workload } from './workloads/workload.js';

let workload: Workload | undefined;

async function obey(request: Request): Promise<Values> {
  if (request.do === 'prepare') {
    const { seconds, value } = await timed(async () => {
      const open = await WORKLOADS[request.workload]?.();
      if (open === undefined) throw new Error(`There is no workload ${request.workload}.`);
      return await open(request.settings);
    });
    workload = value;
    return { ...value.facts, seconds };
  }
  if (workload === undefined) throw new Error('Nothing was prepared.');
  const { values, output } = await workload.repeat();
  if (request.save !== undefined && output !== undefined)
    await writeFile(request.save, bytesOf(await output()));
  return values;
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function answer(line: Answer): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const values = await obey(JSON.parse(line) as Request);
    answer({ ok: true, values, peakBytes: peakMemory() });
  } catch (error) {
    answer({ ok: false, error: error instanceof Error ? error.message : String(error) });
  }
}
// Models are loaded; nothing of them needs to be put away.
process.exit(0);
