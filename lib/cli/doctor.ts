import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { RuntimeInfo } from '../inspect.js';
import { packageRoot } from '../package-root.js';
import { type CommandContext, define } from './context.js';
import type { Shell } from './shell.js';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
  /** What to do about it; only where it is not ok. */
  readonly remedy?: string;
}

interface Probe {
  readonly version?: string;
  readonly runtime?: RuntimeInfo;
  readonly error?: { readonly code: string; readonly message: string };
}

/** LibTorch may crash while it loads on a machine that does not suit it; a child process can tell of that. */
const PROBE_SECONDS = 120;
const ENOUGH_MEMORY = 4 * 2 ** 30;

export function registerDoctor(program: Command, shell: Shell): void {
  const command = program
    .command('doctor')
    .description(
      'check the installation: addon, LibTorch, devices, memory; say what to do where something is wrong',
    );
  define(command, shell, 'gmiseg doctor --json', async (_options, context) => {
    const report = await examine(context);
    const healthy = report.checks.every((check) => check.ok);
    const lines = report.checks.map(
      ({ name, ok, found, remedy }) =>
        `${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(9)} ${found.replaceAll('\n', '\n               ')}${remedy === undefined ? '' : `\n               -> ${remedy}`}`,
    );
    context.print(
      { healthy, ...report },
      [...lines, healthy ? 'Everything is in order.' : 'Something needs repair.'].join('\n'),
    );
    if (!healthy) context.fail();
  });
}

async function examine({
  signal,
}: CommandContext): Promise<{ checks: Check[]; addon: Probe; libtorch: LibtorchRecord | null }> {
  const { path: root, version } = packageRoot();
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const nodeOk = major > 20 || (major === 20 && minor >= 17);
  const libtorch = await builtAgainst(root);
  const addon = await probe(signal);
  const memory = os.totalmem();
  const checks: Check[] = [
    { name: 'gmiseg', ok: true, found: `${version} in ${root}` },
    {
      name: 'Node',
      ok: nodeOk,
      found: `${process.versions.node}, ${process.platform} ${process.arch}`,
      ...(nodeOk ? {} : { remedy: 'Install Node 20.17 or newer.' }),
    },
    ...addonChecks(addon),
    {
      name: 'origin',
      ok: true,
      found:
        libtorch === null
          ? 'no record of the build (build-cmake/libtorch.json)'
          : `LibTorch ${libtorch.version} (${libtorch.flavour}) from ${libtorch.source}: ${libtorch.path}`,
    },
    {
      name: 'memory',
      ok: memory >= ENOUGH_MEMORY,
      found: `${gib(memory)} in all, ${gib(os.freemem())} free, ${os.availableParallelism()} processors`,
      ...(memory >= ENOUGH_MEMORY
        ? {}
        : { remedy: 'SAM ViT-B needs about 4 GiB; use a smaller model or another machine.' }),
    },
  ];
  return { checks, addon, libtorch };
}

function addonChecks(probe: Probe): Check[] {
  const { version, runtime } = probe;
  if (version === undefined || runtime === undefined) {
    const message = probe.error?.message ?? 'the addon did not answer';
    return [
      {
        name: 'addon',
        ok: false,
        found: message,
        remedy:
          'Run `npm run build` in the package (LIBTORCH=DIR names a LibTorch; otherwise one is looked for). docs/install.md tells the rest.',
      },
    ];
  }
  return [
    { name: 'addon', ok: true, found: `${version}, built with GCC or Clang ${runtime.compiler}` },
    {
      name: 'LibTorch',
      ok: true,
      found: `${runtime.torch} (built against ${runtime.torchBuilt}), ${runtime.threads} threads`,
    },
    {
      name: 'devices',
      ok: true,
      found: runtime.devices.map(({ id }) => (id === 'cpu' ? `cpu ${processor(runtime)}` : id)).join('\n'),
    },
  ];
}

function processor({ cpuCapability, bfloat16 }: RuntimeInfo): string {
  return `(${cpuCapability}, ${bfloat16 ? 'computes in bfloat16' : 'no arithmetic of bfloat16: computes in float32'})`;
}

/** Loads the addon in a process of its own. */
async function probe(signal: AbortSignal): Promise<Probe> {
  // The same file with the ending that this one has: .js when built, .ts under a loader.
  const here = fileURLToPath(import.meta.url);
  const script = path.join(path.dirname(here), `doctor-probe${path.extname(here)}`);
  return await new Promise((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      timeout: PROBE_SECONDS * 1000,
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.on('error', (error) => resolve({ error: { code: 'ERR_INTERNAL', message: error.message } }));
    child.on('close', (status, killedBy) => {
      const answer = lastJson(out);
      if (answer !== null) return resolve(answer);
      const how = killedBy === null ? `left with status ${status}` : `was killed by ${killedBy}`;
      const tail = err.trim().split('\n').slice(-3).join('\n');
      resolve({
        error: {
          code: 'ERR_BINDING_INCOMPATIBLE',
          message: `The process that loads the addon ${how}. ${tail}`.trim(),
        },
      });
    });
  });
}

function lastJson(text: string): Probe | null {
  try {
    return JSON.parse(text.trim().split('\n').at(-1) ?? '') as Probe;
  } catch {
    return null;
  }
}

/** Which LibTorch the build took, as scripts/libtorch wrote it down. */
interface LibtorchRecord {
  readonly version: string;
  readonly flavour: string;
  readonly source: string;
  readonly path: string;
}

async function builtAgainst(root: string): Promise<LibtorchRecord | null> {
  for (const folder of ['build-cmake', 'build']) {
    try {
      return JSON.parse(await readFile(path.join(root, folder, 'libtorch.json'), 'utf8')) as LibtorchRecord;
    } catch {
      // Not built with this tool: look at the other one.
    }
  }
  return null;
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
