import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { exists } from '../dataset/layouts/files.js';

/**
 * Minutes of a training run's steps up to its newest checkpoint, from which it goes on; 0 without one. Work that was
 * lost behind the checkpoint is done again and does not count.
 */
export async function minutesSpent(folder: string): Promise<number> {
  const metrics = path.join(folder, 'metrics.jsonl');
  if (!(await exists(metrics))) return 0;
  const newest = Math.max(0, ...(await readdir(folder)).map(checkpointStep));
  let milliseconds = 0;
  for await (const line of createInterface({ input: createReadStream(metrics) })) {
    const report = parse(line);
    if (report?.type === 'step' && Number(report.step) <= newest) milliseconds += Number(report.ms) || 0;
  }
  return milliseconds / 60_000;
}

function checkpointStep(name: string): number {
  return Number(/^checkpoint-(\d+)\.safetensors$/.exec(name)?.[1] ?? 0);
}

/** A line of metrics.jsonl; null for the last one of a process that was killed while it wrote. */
function parse(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}
