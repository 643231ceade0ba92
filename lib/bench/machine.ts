import { readFileSync } from 'node:fs';
import os from 'node:os';

/** Where a benchmark ran. Sizes in bytes. */
export interface Machine {
  readonly cpu: string;
  /** Of the instruction sets that matter here, those that the processor has. */
  readonly isa: readonly string[];
  /** Processors that this process may use. */
  readonly cores: number;
  readonly memoryBytes: number;
  /** What could be taken without swapping, at the start. */
  readonly availableBytes: number;
  /** Means over 1, 5 and 15 minutes, at the start. */
  readonly loadAverage: readonly number[];
  readonly quiet: boolean;
  readonly system: string;
  readonly node: string;
}

const ISA = [
  'avx2',
  'fma',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'avx512_fp16',
  'amx_bf16',
  'amx_int8',
  'asimd',
  'bf16',
  'sve',
];

/** Load above which somebody else is at work: what starting a command leaves behind lies below. */
const QUIET_LOAD = 0.3;

export function describeMachine(): Machine {
  const loadAverage = os.loadavg();
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    isa: instructionSets(readText('/proc/cpuinfo')),
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    availableBytes: availableMemory(readText('/proc/meminfo')),
    loadAverage,
    quiet: (loadAverage[0] ?? 0) <= QUIET_LOAD,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.versions.node,
  };
}

/** What /proc/cpuinfo lists (`flags`, on ARM `Features`) of ISA. */
export function instructionSets(cpuinfo: string): string[] {
  const flags = new Set(/^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1]?.split(/\s+/) ?? []);
  return ISA.filter((name) => flags.has(name));
}

function availableMemory(meminfo: string): number {
  const kib = /^MemAvailable:\s+(\d+)/m.exec(meminfo)?.[1];
  return kib === undefined ? os.freemem() : Number(kib) * 1024;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
