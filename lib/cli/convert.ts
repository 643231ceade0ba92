import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { define } from './context.js';
import { addModelOptions, dtype, loadSegmenter, type RuntimeFlags } from './model-options.js';
import { type ModelFlags, resolveModel } from './resolve-model.js';
import type { Shell } from './shell.js';
import { UsageError } from './usage-error.js';

interface ConvertFlags extends ModelFlags, RuntimeFlags {
  out: string;
  what?: string;
  dtype?: 'float32' | 'bfloat16';
  force?: boolean;
}

const KINDS = ['adapter', 'full', 'merged'] as const;

export function registerConvert(program: Command, shell: Shell): void {
  const command = addModelOptions(
    program
      .command('convert')
      .description(
        'write a model as safetensors: a checkpoint, an adapter, or an adapter worked into its model',
      )
      .requiredOption('--out <file>', 'the .safetensors file to write')
      .option('--what <kind>', `${KINDS.join(', ')} (default: merged where there is an adapter, else full)`)
      .option('--dtype <type>', 'float32, or bfloat16 for half the size (default: float32)', dtype)
      .option('--force', 'replace a file that is there already'),
  );
  define<ConvertFlags>(
    command,
    shell,
    'gmiseg convert --model sam_vit_b.pth --adapter runs/heart/adapter.safetensors --out heart.safetensors',
    async (flags, context) => {
      const { what } = flags;
      if (flags.model === undefined) throw new UsageError('Name the model to convert with --model.');
      if (what !== undefined && !(KINDS as readonly string[]).includes(what)) {
        throw new UsageError(`--what ${what}: use one of ${KINDS.join(', ')}.`);
      }
      const out = path.resolve(flags.out);
      if (!out.endsWith('.safetensors'))
        throw new UsageError(`--out ${flags.out}: the name must end in .safetensors.`);
      const source = await resolveModel(flags);
      for (const input of [source.checkpoint, source.adapter]) {
        if (input !== undefined && path.resolve(String(input)) === out) {
          throw new UsageError(`--out ${flags.out} is the model that is read; choose another name.`);
        }
      }
      if (flags.force !== true && (await stat(out).catch(() => null)) !== null) {
        throw new UsageError(`--out ${flags.out} is there already; pass --force to replace it.`);
      }
      const segmenter = await loadSegmenter(source, { device: 'cpu', ...flags }, context);
      try {
        const kind =
          (what as (typeof KINDS)[number] | undefined) ??
          (segmenter.info.adapter === null ? 'full' : 'merged');
        await segmenter.save(out, { what: kind, signal: context.signal });
        const { size } = await stat(out);
        context.print(
          {
            out,
            what: kind,
            bytes: size,
            variant: segmenter.info.variant,
            parameters: segmenter.info.parameters,
          },
          `${out}: ${segmenter.info.variant}, ${kind}, ${(size / 1e6).toFixed(1)} MB`,
        );
      } finally {
        await segmenter.close();
      }
    },
  );
}
