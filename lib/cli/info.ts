import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { type CheckpointInfo, inspectCheckpoint } from '../inspect.js';
import { packageRoot } from '../package-root.js';
import { define } from './context.js';
import { resolveModel } from './resolve-model.js';
import type { Shell } from './shell.js';

interface InfoFlags {
  tensors?: boolean;
}

/** Drawn once and never trained: no parameters, though they are in the file. */
const BUFFERS = /(positional_encoding_gaussian_matrix|shared_image_embedding\.positional_embedding)$/;

export function registerInfo(program: Command, shell: Shell): void {
  const command = program
    .command('info')
    .description('say what a checkpoint, an adapter or the model of a training run is; nothing is computed')
    .argument(
      '[file|dir]',
      "a .safetensors or .pth file, a Hugging Face folder or a training run (default: the package's own model)",
    )
    .option('--tensors', 'list every tensor with its type and shape');
  define<InfoFlags>(
    command,
    shell,
    'gmiseg info runs/first --tensors',
    async (flags, { json, signal, print }, [given]) => {
      const source = await modelFile(given);
      const info = await inspectCheckpoint(source, { signal });
      const { tensors, ...rest } = info;
      const parameters = tensors
        .filter(({ name }) => !BUFFERS.test(name))
        .reduce((sum, { shape }) => sum + count(shape), 0);
      const result = {
        path: source,
        ...rest,
        tensorCount: tensors.length,
        parameters,
        ...(flags.tensors ? { tensors } : {}),
      };
      print(result, json ? '' : describe(source, info, parameters, flags.tensors === true));
    },
  );
}

async function modelFile(given: string | undefined): Promise<string> {
  if (given === undefined) return `${packageRoot().path}/models/default/model.safetensors`;
  const there = await stat(given).catch(() => null);
  if (there?.isDirectory() !== true) return given;
  const { checkpoint, adapter } = await resolveModel({ model: given });
  return String(adapter ?? checkpoint ?? given);
}

function describe(path: string, info: CheckpointInfo, parameters: number, withTensors: boolean): string {
  const { config, metadata, tensors } = info;
  const lines = [
    path,
    `  format      ${info.format}, names of ${info.flavour}`,
    `  variant     ${variantOf(info)}`,
    `  parameters  ${parameters.toLocaleString('en')} in ${tensors.length} tensors`,
  ];
  if (info.preprocessing !== null) lines.push(`  input       ${info.preprocessing} preprocessing`);
  for (const [key, value] of Object.entries(config ?? {}))
    lines.push(`  config      ${key} = ${JSON.stringify(value)}`);
  for (const [key, value] of Object.entries(metadata ?? {})) {
    if (key === 'gmiseg.config') continue;
    lines.push(`  metadata    ${key} = ${value.length > 100 ? `${value.slice(0, 97)}...` : value}`);
  }
  if (withTensors) {
    const width = Math.max(...tensors.map(({ name }) => name.length));
    for (const { name, dtype, shape } of tensors)
      lines.push(`  ${name.padEnd(width)}  ${dtype}  [${shape.join(', ')}]`);
  }
  return lines.join('\n');
}

function variantOf({ config, metadata }: CheckpointInfo): string {
  const kind = metadata?.['gmiseg.kind'];
  if (kind === 'adapter') return `an adapter: ${metadata['gmiseg.adapter'] ?? ''}`;
  if (config === null || config === undefined) return 'unknown; name it with --config when you load it';
  if ('method' in config) return `${config.method}, a baseline`;
  const known: Record<string, string> = { 768: 'vit_b', 1024: 'vit_l', 1280: 'vit_h' };
  return String(config.variant ?? known[config.embed_dim] ?? 'custom');
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
