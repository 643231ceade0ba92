import { readFileSync } from 'node:fs';

/** Largest resident memory of this process so far, in bytes: VmHWM of proc(5). */
export function peakMemory(): number {
  const kib = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kib ?? 0) * 1024;
}
