import type { Command } from 'commander';
import { define } from './context.js';
import type { DemoFlags } from './demo-run.js';
import { addRuntimeOptions } from './model-options.js';
import { decimal, integer } from './parsers.js';
import type { Shell } from './shell.js';

export function registerDemo(program: Command, shell: Shell): void {
  const command = addRuntimeOptions(
    program
      .command('demo')
      .description(
        'train a tiny model for a minute, on shapes drawn on the spot or on your own volumes, and show what it does',
      )
      .option('--out <dir>', 'where the demo writes', 'demo-out')
      .option('--data <dir>', 'an nnU-Net raw folder to train on instead of shapes')
      .option('--seconds <n>', 'how long to train (default: about a minute)', decimal('--seconds', 1))
      .option('--seed <n>', 'seed of everything random', integer('--seed', 0), 0),
  );
  define<DemoFlags>(
    command,
    shell,
    'gmiseg demo\ngmiseg demo --data Dataset027_ACDC --seconds 120',
    async (flags, context) => {
      const { runDemo } = await import('./demo-run.js');
      await runDemo(flags, context);
    },
  );
}
