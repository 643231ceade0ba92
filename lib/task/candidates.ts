import { isBaseline } from '../baseline.js';
import { GmisegError } from '../errors.js';
import type { SegmenterInfo } from '../segmenter.js';
import type { TaskSettings } from './options.js';
import { type FitOptions, SCALES } from './recipe.js';

/**
 * The engines that settings leave open, the one to trust without evidence first: `auto` moves on to a later one only
 * for a gain. A task encoder's mean of two answers errs least on new tasks; without one, the training-free rule needs
 * no further weights; a threshold is right only where grey alone tells the target.
 */
export function candidatesFor(
  settings: TaskSettings,
  hasTaskEncoder: boolean,
  sizes: readonly (number | undefined)[],
): FitOptions[] {
  const { engine, output, location, temperature, scale, cutoff } = settings;
  const seen = forcedLook(settings);
  const from = { ...(cutoff === null ? {} : { cutoff }), ...seen };
  if (engine === 'learned' && !hasTaskEncoder) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      "This model has no task encoder, which engine 'learned' needs. Use 'auto' or 'training-free', or train one: " +
        "segmenter.train([], { episodes: true, train: 'task-encoder', taskEncoder: {}, ... }).",
    );
  }
  const outputs = output === 'auto' ? (['mean', 'dense', 'refined'] as const) : [output];
  const locations = location === null ? [0.5, 0, 1] : [location];
  const all: FitOptions[] = [
    ...(hasTaskEncoder
      ? sizes.flatMap((size) =>
          outputs.map(
            (output): FitOptions => ({
              engine: 'learned',
              output,
              ...(size === undefined ? {} : { size }),
              ...from,
            }),
          ),
        )
      : []),
    ...locations.map(
      (each): FitOptions => ({
        engine: 'training-free',
        location: each,
        ...(output === 'auto' ? {} : { output }),
        ...(temperature === null ? {} : { temperature }),
        ...from,
      }),
    ),
    ...(scale === 'auto' ? SCALES : [scale]).map(
      (each): FitOptions => ({ engine: 'threshold', scale: each, ...seen }),
    ),
  ];
  if (engine === 'auto') return all;
  if (engine === 'copy' || engine === 'baseline') return [{ engine, ...seen }];
  return all.filter((candidate) => candidate.engine === engine);
}

/** The look that settings ask for, as part of a fit. */
export function forcedLook({ look }: TaskSettings): Pick<FitOptions, 'look'> {
  return look === 'auto' || look === 'given' ? {} : { look };
}

/**
 * The sizes at which a task encoder sees pictures, the one to trust without evidence first: of three, the middle one
 * does best on average (models/README.md). undefined is the model's own.
 * @throws GmisegError ERR_INVALID_ARG for a size that it has not been trained at
 */
export function inputSizes({ inputSize }: TaskSettings, info: SegmenterInfo): (number | undefined)[] {
  const { imageSize: own, taskEncoder } = info;
  const rising = [...new Set([...(taskEncoder?.sizes ?? []), own])].sort((a, b) => a - b);
  const middle = rising[Math.floor(rising.length / 2)] as number;
  const away = (size: number): number => Math.abs(Math.log2(size / middle));
  const all = rising.sort((a, b) => away(a) - away(b) || b - a);
  const named = (size: number): number | undefined => (size === own ? undefined : size);
  if (inputSize === null) return all.map(named);
  if (all.includes(inputSize)) return [named(inputSize)];
  throw new GmisegError(
    'ERR_INVALID_ARG',
    `options.inputSize is ${inputSize}; this model has been trained for ${all.join(', ')} pixels.`,
  );
}

/**
 * Settings as a model's method calls for them: a baseline sees whole pictures with its own network, as published,
 * unless somebody says otherwise.
 * @throws GmisegError ERR_INVALID_ARG for an engine that the model does not have
 */
export function settingsFor(settings: TaskSettings, info: SegmenterInfo): TaskSettings {
  const { engine, partner, view } = settings;
  if (!isBaseline(info)) {
    if (engine !== 'baseline') return settings;
    throw new GmisegError(
      'ERR_INVALID_ARG',
      "This model is a SAM, which engine 'baseline' does not go with. Use another engine, or load a baseline's model.",
    );
  }
  if (engine === 'learned' || engine === 'training-free') {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `This model is a baseline (${info.method}), which engine '${engine}' does not go with. Use 'auto', 'baseline', ` +
        "'threshold' or 'copy', or load a SAM.",
    );
  }
  return {
    ...settings,
    engine: engine === 'auto' ? 'baseline' : engine,
    partner: partner === 'auto' ? 'none' : partner,
    view: view === 'auto' ? 'whole' : view,
  };
}

/** An engine with the ensemble that the settings ask for; a baseline stays single. */
export function withEnsemble(fit: FitOptions, { ensemble, subset, seed }: TaskSettings): FitOptions {
  if (ensemble === 1) return fit;
  return { ...fit, ensemble, ...(subset > 0 ? { subset } : {}), seed };
}
