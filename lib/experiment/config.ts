import { z } from 'zod';
import { LAYOUTS } from '../dataset/layouts/layout-options.js';
import { SLICE_POLICIES } from '../dataset/slicing.js';
import { SPLIT_RULES } from '../dataset/split.js';
import { ENGINES, LOOKS, OUTPUTS, PARTNERS, VIEWS } from '../task/recipe.js';

/** Names become parts of file names. */
const name = z.string().regex(/^[A-Za-z0-9][\w.+-]*$/, 'letters, digits, ".", "_", "+" and "-"');
const count = z.int().positive();
const axis = z.union([z.literal(0), z.literal(1), z.literal(2)]);

const importSource = z.strictObject({
  layout: z.enum(LAYOUTS),
  /** The dataset's folder, below the data folder. */
  in: z.string(),
  policy: z.enum(SLICE_POLICIES).optional(),
  axes: z.array(axis).min(1).optional(),
  minArea: count.optional(),
  /** Names of label values, or what the greys of mask pictures mean. */
  labels: z.record(z.string().regex(/^\d+$/), z.string()).optional(),
  window: z.union([z.string(), z.tuple([z.number(), z.number()])]).optional(),
  channel: z.union([z.string(), z.int().nonnegative()]).optional(),
  split: z
    .strictObject({
      rule: z.enum(SPLIT_RULES).optional(),
      valEvery: z.int().nonnegative().optional(),
      testShare: z.number().optional(),
      seed: z.int().nonnegative().optional(),
    })
    .optional(),
  modality: z.string().optional(),
  annotator: z.string().optional(),
  suffixes: z.array(z.string()).optional(),
  limit: count.optional(),
});

const synthSource = z.strictObject({
  tasks: count,
  subjects: count,
  size: count,
  seed: z.int().nonnegative(),
  firstTask: z.int().nonnegative().optional(),
});

const dataSet = z
  .strictObject({
    /** A slice store that is there, below the data folder. */
    store: z.string().optional(),
    import: importSource.optional(),
    synth: synthSource.optional(),
    /** Of a store that holds several: the one that counts. */
    dataset: z.string().optional(),
    /** Only slices across these; each axis is a task of its own. */
    axes: z.array(axis).min(1).optional(),
    /**
     * What is to be found: name -> label values, which count as one; 0 is what has no label. Every label of every
     * data set of the store where left out.
     */
    groups: z.record(z.string(), z.array(z.int().nonnegative()).min(1)).optional(),
    /** A single volume: supports from the lower half of its slices, queries from the upper half. */
    halves: z.boolean().optional(),
    /** Smaller masks are neither supports nor queries. */
    minPixels: count.default(20),
  })
  .refine(({ store, import: source, synth }) => [store, source, synth].filter(Boolean).length === 1, {
    message: 'a data set has one of store, import and synth',
  });

const model = z.union([z.string(), z.record(z.string(), z.unknown())]);
const trainOptions = z.record(z.string(), z.unknown());

const choices = {
  /** What tables and charts call it; the method's name where left out. */
  label: z.string().optional(),
  /** How tasks are made; see TaskOptions. */
  task: z
    .strictObject({
      engine: z.enum(['auto', ...ENGINES]).optional(),
      output: z.enum(['auto', ...OUTPUTS]).optional(),
      partner: z.enum(['auto', ...PARTNERS]).optional(),
      location: z.number().optional(),
      temperature: z.number().optional(),
      inputSize: count.optional(),
      look: z.enum(['auto', ...LOOKS]).optional(),
      cutoff: z.number().optional(),
      view: z.enum(['auto', ...VIEWS]).optional(),
      flips: z.boolean().optional(),
    })
    .optional(),
  /** Side of the model's input; the experiment's where left out. */
  imageSize: count.optional(),
};

/** Which weights of a training are asked: those at its end, or those with the best Dice on the split `val`. */
const choose = z.enum(['last', 'best']).optional();

const method = z.discriminatedUnion('kind', [
  /** The model inside the package. */
  z.strictObject({ kind: z.literal('embedded'), ...choices }),
  /** A model file, or a training run, below the data folder. */
  z.strictObject({
    kind: z.literal('checkpoint'),
    model: z.string(),
    adapter: z.string().optional(),
    config: model.optional(),
    ...choices,
  }),
  /** Trained here first, once for each seed. */
  z.strictObject({
    kind: z.literal('trained'),
    /** What it starts from: `embedded`, or a model file below the data folder; random weights of `config` else. */
    from: z.string().optional(),
    config: model.optional(),
    train: trainOptions,
    /** Data sets to train on; those of the experiment's `train` where left out. */
    data: z.array(name).optional(),
    choose,
    ...choices,
  }),
  /** A network of another method: a model file, or trained here as `train` says. */
  z.strictObject({
    kind: z.literal('baseline'),
    name: z.string(),
    /** What a new one is made of, beside its name. */
    config: z.record(z.string(), z.unknown()).optional(),
    model: z.string().optional(),
    train: trainOptions.optional(),
    data: z.array(name).optional(),
    choose,
    /** Train one for each test task, on what that task draws its supports from: an upper bound, as with `unet`. */
    perTask: z.boolean().optional(),
    ...choices,
  }),
  /** What needs no network: the most similar example's mask, or a band of one grey. */
  z.strictObject({
    kind: z.literal('engine'),
    engine: z.enum(['copy', 'threshold']),
    label: z.string().optional(),
  }),
]);

export const configSchema = z
  .strictObject({
    /** For people. */
    title: z.string().optional(),
    datasets: z.record(name, dataSet),
    methods: z.record(name, method),
    /** Data sets that methods are trained on. */
    train: z.array(name).default([]),
    /** Data sets whose tasks are asked for. */
    test: z.array(name).min(1),
    /** Data sets on which nothing should be lost (forgetting). */
    held: z.array(name).default([]),
    /** The method that the others are measured against (table2, ablation, forgetting). */
    reference: name.optional(),
    /** Sizes of the support set. */
    supports: z.array(count).min(1).default([16]),
    /** Support sets of each size. */
    draws: count.default(5),
    /** Members of an ensemble, each with a support set of its own; 1 = none. */
    ensemble: count.max(64).default(1),
    /** Queries of each task, evenly spread. */
    queries: count.default(24),
    /** Of these, so many go into the report as pictures. */
    pictures: z.int().nonnegative().default(4),
    /** Shares of the training data sets (figure5). */
    shares: z.array(z.number().gt(0).max(1)).min(1).default([0.25, 0.5, 0.75, 1]),
    /** Random subsets of each share (figure5). */
    subsets: count.default(3),
    /** Of the trainings. */
    seeds: z.array(z.int().nonnegative()).min(1).default([0]),
    /** Of each training, on the clock, unless its own `train` says otherwise. */
    maxMinutes: z.number().positive().optional(),
    /** Of the support sets and subsets. */
    seed: z.int().nonnegative().default(0),
    /** Side of the models' input in pixels, if another than their own. */
    imageSize: count.optional(),
    /** Of predictions; trainings have a `dtype` of their own. */
    dtype: z.enum(['float32', 'bfloat16']).default('float32'),
  })
  .superRefine((config, context) => {
    const refuse = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    const known = (list: readonly string[], path: (string | number)[]): void => {
      for (const [at, one] of list.entries())
        if (!Object.hasOwn(config.datasets, one)) refuse([...path, at], `"datasets" has no ${one}`);
    };
    known(config.train, ['train']);
    known(config.test, ['test']);
    known(config.held, ['held']);
    if (Object.keys(config.methods).length === 0) refuse(['methods'], 'an experiment needs a method');
    if (config.reference !== undefined && !Object.hasOwn(config.methods, config.reference))
      refuse(['reference'], `"methods" has no ${config.reference}`);
    for (const [key, one] of Object.entries(config.methods)) {
      if (one.kind === 'trained' && (one.from === undefined) === (one.config === undefined))
        refuse(['methods', key], 'a method to train starts either from a model or from a config');
      if (one.kind === 'baseline' && (one.model === undefined) === (one.train === undefined))
        refuse(['methods', key], 'a baseline has either a model or train options');
      if ('choose' in one && one.choose === 'best' && one.train?.validateEvery === 0)
        refuse(
          ['methods', key],
          'the best weights are chosen among several validations; give train.validateEvery',
        );
      if (
        one.kind === 'baseline' &&
        one.perTask === true &&
        (one.train === undefined || one.data !== undefined)
      )
        refuse(['methods', key], 'a baseline for each task has train options and no data of its own');
      if ('data' in one && one.data !== undefined) known(one.data, ['methods', key, 'data']);
    }
  });

/** What an experiment is made of; docs/experiments.md tells it for people. */
export type ExperimentConfig = z.output<typeof configSchema>;
export type DataSetConfig = ExperimentConfig['datasets'][string];
export type MethodConfig = ExperimentConfig['methods'][string];
