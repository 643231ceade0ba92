import type { Command } from 'commander';
import { SPLIT_RULES, type SplitRule } from '../dataset/split.js';
import type { OverlayOptions } from '../image/index.js';
import { define } from './context.js';
import { integer, validateEvery } from './parsers.js';
import type { Shell } from './shell.js';
import { UsageError } from './usage-error.js';

interface SynthFlags {
  out?: string;
  tasks: number;
  subjects: number;
  size: number;
  seed: number;
  firstTask: number;
  split: SplitRule;
  valEvery: number;
  preview?: string;
  force?: boolean;
}

/** How much of the tasks a preview shows. */
const PREVIEW_TASKS = 10;
const PREVIEW_SUBJECTS = 6;

export function registerSynth(program: Command, shell: Shell): void {
  const command = program
    .command('synth')
    .description('paint synthetic segmentation tasks: a slice store for training, or a sheet to look at')
    .option('--out <store>', 'the folder to write')
    .option('--tasks <n>', 'how many tasks', integer('--tasks', 1, 1e6), 10)
    .option('--subjects <n>', 'pictures of each task', integer('--subjects', 1, 1e5), 12)
    .option('--size <pixels>', 'side of the pictures, a multiple of 8 from 32 to 1024', side, 128)
    .option('--seed <n>', 'the same seed paints the same pictures', integer('--seed', 0), 0)
    .option('--first-task <n>', 'number of the first task', integer('--first-task', 0), 0)
    .option('--split <rule>', 'who is for testing: every-third-test, none', split, 'every-third-test')
    .option(
      '--val-every <n>',
      'every n-th training subject is for validation: 0 = none, or from 2',
      validateEvery,
      5,
    )
    .option('--preview <file.png>', 'a sheet: a row for each of the first ten tasks, masks outlined')
    .option('--force', 'replace a store that is there already');
  define<SynthFlags>(
    command,
    shell,
    'gmiseg synth --out stores/synth --tasks 500 --subjects 24 --size 128 --preview synth.png',
    async (flags, { progress, signal, commandLine, print }) => {
      const { out, preview, tasks, subjects } = flags;
      if (out === undefined && preview === undefined)
        throw new UsageError('Say where to write: --out STORE, --preview FILE.png, or both.');
      if (preview !== undefined && !/\.png$/i.test(preview))
        throw new UsageError(`--preview ${preview}: the name must end in .png.`);
      const { synthesizeStore } = await import('../dataset/synthesize-store.js');
      const { contactSheet } = await import('../image/contact-sheet.js');
      const pictures: OverlayOptions[] = [];
      const summary = await synthesizeStore({
        // A preview alone needs no more than it shows.
        tasks: out === undefined ? Math.min(tasks, PREVIEW_TASKS) : tasks,
        subjects: out === undefined ? Math.min(subjects, PREVIEW_SUBJECTS) : subjects,
        size: flags.size,
        seed: flags.seed,
        firstTask: flags.firstTask,
        split: { rule: flags.split, valEvery: flags.valEvery },
        overwrite: flags.force === true,
        commandLine,
        signal,
        ...(out === undefined ? {} : { out }),
        onProgress: ({ done, total, dataset }) => {
          if (done === 0) progress.start('synth', total);
          progress.update(done, dataset);
        },
        onSubject: ({ image, mask }, task, number) => {
          if (preview === undefined || number >= PREVIEW_SUBJECTS) return;
          if (task.task - flags.firstTask >= PREVIEW_TASKS) return;
          const [width, height] = [flags.size, flags.size];
          pictures.push({
            image: { data: image.slice(), width, height, channels: task.channels },
            mask: { data: mask.slice(), width, height },
            opacity: 0,
            window: [0, 255],
            names: { mask: words(task, number) },
          });
        },
      });
      progress.stop();
      if (preview !== undefined) {
        const columns = Math.min(subjects, PREVIEW_SUBJECTS);
        await contactSheet(preview, pictures, {
          columns,
          cellSize: Math.max(128, Math.min(256, flags.size)),
          title: `synthetic tasks, seed ${flags.seed}`,
        });
      }
      const families = new Map<string, number>();
      for (const { family } of summary.tasks) families.set(family, (families.get(family) ?? 0) + 1);
      const lines = [...families].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, n]) => `  ${name}: ${n}`);
      const next = out === undefined ? '' : `\nNext: gmiseg train --data ${summary.store} --out runs/synth`;
      const head =
        out === undefined
          ? preview
          : `${summary.store}: ${summary.slices} slices of ${summary.tasks.length} tasks`;
      print({ ...summary, preview: preview ?? null }, `${head}\ntasks by family\n${lines.join('\n')}${next}`);
    },
  );
}

/** What stands below a picture: a row reads like a line. */
function words(task: { task: number; family: string; target: string }, number: number): string {
  return [`task ${task.task}`, task.family, task.target][number] ?? `subject ${number}`;
}

function side(text: string): number {
  const value = integer('--size', 32, 1024)(text);
  if (value % 8 !== 0) throw new UsageError(`--size ${text}: give a multiple of 8 from 32 to 1024.`);
  return value;
}

function split(text: string): SplitRule {
  if (text === 'random' || !(SPLIT_RULES as readonly string[]).includes(text))
    throw new UsageError(`--split ${text}: use every-third-test or none.`);
  return text as SplitRule;
}
