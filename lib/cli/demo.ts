import type { Command } from 'commander';
import { define } from './context.js';
import type { DemoFlags } from './demo-run.js';
import { addModelOptions } from './model-options.js';
import { integer } from './parsers.js';
import type { Shell } from './shell.js';

export function registerDemo(program: Command, shell: Shell): void {
  const command = addModelOptions(
    program
      .command('demo')
      .description(
        'define tasks by eight examples each, painted on the spot or cut from your own volumes, and show what comes of them on new pictures',
      )
      .option('--out <dir>', 'where the demo writes', 'demo-out')
      .option('--data <dir>', 'an nnU-Net raw folder to take examples from')
      .option('--seed <n>', 'which tasks are painted, which slices are drawn', integer('--seed', 0), 0),
  );
  define<DemoFlags>(
    command,
    shell,
    'gmiseg demo\ngmiseg demo --data Dataset027_ACDC',
    async (flags, context) => {
      const { runDemo } = await import('./demo-run.js');
      await runDemo(flags, context);
    },
  );
}
