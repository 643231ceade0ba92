import { arch, cpus, platform, totalmem } from 'node:os';
import { packageCommit } from '../../commit.js';
import { runtimeInfo } from '../../inspect.js';
import { packageRoot } from '../../package-root.js';

/** What a result may depend on beside its config. */
export interface Environment {
  readonly gmiseg: string;
  /** Of the checkout; null where the package is installed. `+` where files were changed. */
  readonly commit: string | null;
  readonly node: string;
  readonly torch: string;
  readonly machine: string;
  readonly devices: readonly string[];
}

export async function environment(): Promise<Environment> {
  const { torch, devices, cpuCapability } = runtimeInfo();
  const processors = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return {
    gmiseg: packageRoot().version,
    commit: await packageCommit(),
    node: process.versions.node,
    torch,
    machine: `${platform()} ${arch()}, ${processors.length} x ${processors[0]?.model.trim() ?? 'CPU'} (${cpuCapability}), ${memory}`,
    devices: devices.map(({ id }) => id),
  };
}
