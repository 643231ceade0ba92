import { execFile } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { arch, cpus, platform, totalmem } from 'node:os';
import { promisify } from 'node:util';
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
    commit: await commit(),
    node: process.versions.node,
    torch,
    machine: `${platform()} ${arch()}, ${processors.length} x ${processors[0]?.model.trim() ?? 'CPU'} (${cpuCapability}), ${memory}`,
    devices: devices.map(({ id, name }) => (name === undefined ? id : `${id}: ${name}`)),
  };
}

async function commit(): Promise<string | null> {
  const { path: root } = packageRoot();
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', ['-C', root, ...args])).stdout.trim();
  try {
    // An installed package may lie in somebody else's checkout.
    if ((await realpath(await git('rev-parse', '--show-toplevel'))) !== (await realpath(root))) return null;
    const changed = await git('status', '--porcelain', '--untracked-files=no');
    return `${await git('rev-parse', 'HEAD')}${changed === '' ? '' : '+'}`;
  } catch {
    return null;
  }
}
