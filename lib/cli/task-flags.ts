import type { Command } from 'commander';
import type { Axis, IntensityWindow } from '../image/index.js';
import type { TaskOptions } from '../task/options.js';
import { ENGINES, LOOKS, OUTPUTS, PARTNERS, SCALES, VIEWS } from '../task/recipe.js';
import { decimal, integer, intensityWindow, oneAxis, WINDOW_HELP } from './parsers.js';
import type { SupportFolder } from './support-folder.js';
import { UsageError } from './usage-error.js';

/** Flags that say how a task is made from examples. */
export interface TaskFlags {
  engine?: NonNullable<TaskOptions['engine']>;
  output?: NonNullable<TaskOptions['output']>;
  partner?: NonNullable<TaskOptions['partner']>;
  scale?: NonNullable<TaskOptions['scale']>;
  cutoff?: number;
  view?: NonNullable<TaskOptions['view']>;
  inputSize?: number;
  look?: NonNullable<TaskOptions['look']>;
  location?: number;
  temperature?: number;
  ensemble?: number;
  subset?: number;
  flips?: boolean;
  label?: number;
  axis?: Axis;
  axes?: 'one' | 'three';
  slices?: number;
  window?: IntensityWindow;
  seed?: number;
}

/** Those of them that are settled when a task is defined, and mean nothing without examples. */
export const FIT_FLAGS = [
  'engine',
  'output',
  'partner',
  'scale',
  'cutoff',
  'view',
  'inputSize',
  'look',
  'location',
  'temperature',
  'ensemble',
  'subset',
  'flips',
  'slices',
] as const;

const VALUES = {
  engine: ['auto', ...ENGINES],
  output: ['auto', ...OUTPUTS],
  partner: ['auto', ...PARTNERS],
  scale: ['auto', ...SCALES],
  view: ['auto', ...VIEWS],
  look: ['auto', ...LOOKS],
  axes: ['one', 'three'],
} as const;

/** A commander parser for one of a few words. */
export function oneOf<K extends keyof typeof VALUES>(name: K): (text: string) => (typeof VALUES)[K][number] {
  return (text) => {
    if (!(VALUES[name] as readonly string[]).includes(text)) {
      throw new UsageError(`--${name} ${text}: use ${VALUES[name].join(', ')}.`);
    }
    return text as (typeof VALUES)[K][number];
  };
}

/** Adds what says how to choose and fit. */
export function addFitOptions(command: Command): Command {
  return command
    .option('--engine <name>', `${VALUES.engine.join(', ')} (default: auto)`, oneOf('engine'))
    .option(
      '--output <name>',
      `of the learned and the training-free engine: ${VALUES.output.join(', ')}`,
      oneOf('output'),
    )
    .option('--partner <name>', `a second engine: ${VALUES.partner.join(', ')}`, oneOf('partner'))
    .option('--scale <name>', `grey levels of a threshold: ${VALUES.scale.join(', ')}`, oneOf('scale'))
    .option(
      '--cutoff <p>',
      'probability from which on a pixel is target (default: auto)',
      decimal('--cutoff', 0.01, 0.99),
    )
    .option('--view <name>', `${VALUES.view.join(', ')} (default: auto)`, oneOf('view'))
    .option(
      '--input-size <pixels>',
      "side of the model's input at which pictures are seen (default: auto)",
      integer('--input-size', 32, 8192),
    )
    .option(
      '--look <name>',
      `pictures as they are or their local contrast: ${VALUES.look.join(', ')}`,
      oneOf('look'),
    )
    .option(
      '--location <w>',
      'of the training-free engine: weight of the place in the picture (default: auto)',
      decimal('--location', 0, 1),
    )
    .option(
      '--temperature <t>',
      'of the training-free engine: how softly similarity decides (default: 0.07)',
      decimal('--temperature', 0.001, 10),
    )
    .option('--ensemble <k>', 'mean over k subsets of the examples', integer('--ensemble', 1, 64))
    .option('--subset <n>', 'examples of each subset (default: two thirds)', integer('--subset', 1))
    .option('--flips', 'mirrored pictures too, and the mean of both');
}

/** Adds what says how examples are read. */
export function addExampleOptions(command: Command): Command {
  return command
    .option('--label <n>', 'only this label value', integer('--label', 1, 255))
    .option(
      '--axis <n>',
      'axis of the body to cut volumes across: 0 right-left, 1 front-back, 2 feet-head (default: thickest slices)',
      oneAxis,
    )
    .option('--axes <one|three>', 'one axis, or examples and results across all three', oneOf('axes'))
    .option('--slices <n>', 'examples that all volumes together give (default: 16)', integer('--slices', 1))
    .option('--window <lo,hi|preset>', WINDOW_HELP, intensityWindow)
    .option('--seed <n>', 'seed of the ensemble', integer('--seed', 0));
}

/** The flags as options of defineTask. */
export function taskOptions(flags: TaskFlags, support: SupportFolder): TaskOptions {
  const {
    engine,
    output,
    partner,
    scale,
    cutoff,
    view,
    inputSize,
    look,
    location,
    temperature,
    ensemble,
    subset,
    flips,
    label,
    axis,
    axes,
    slices,
    window,
    seed,
  } = flags;
  const volume = {
    ...(axis === undefined ? {} : { axis }),
    ...(axes === undefined ? {} : { axes }),
    ...(slices === undefined ? {} : { slices }),
  };
  return {
    ...(engine === undefined ? {} : { engine }),
    ...(output === undefined ? {} : { output }),
    ...(partner === undefined ? {} : { partner }),
    ...(scale === undefined ? {} : { scale }),
    ...(cutoff === undefined ? {} : { cutoff }),
    ...(view === undefined ? {} : { view }),
    ...(inputSize === undefined ? {} : { inputSize }),
    ...(look === undefined ? {} : { look }),
    ...(location === undefined ? {} : { location }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(ensemble === undefined ? {} : { ensemble }),
    ...(subset === undefined ? {} : { subset }),
    ...(flips === undefined ? {} : { flips }),
    ...labelsOf(label, support),
    ...(window === undefined ? {} : { window }),
    ...(seed === undefined ? {} : { seed }),
    volume,
  };
}

function labelsOf(label: number | undefined, { labels }: SupportFolder): Pick<TaskOptions, 'labels'> {
  if (label === undefined) return labels === null ? {} : { labels };
  const name = labels?.get(label);
  return { labels: name === undefined ? [label] : new Map([[label, name]]) };
}
