import { type LoadOptions, VARIANTS } from '../load-options.js';
import { modelAt } from '../run-folder/model-source.js';
import type { ModelChoice } from './method-instance.js';
import type { RunContext } from './run-context.js';

/** A choice as Segmenter.load takes it: paths made whole, a training run's folder looked into. */
export async function loadChoice(context: RunContext, choice: ModelChoice): Promise<LoadOptions> {
  const { checkpoint, adapter, config, ...rest } = choice;
  const source = checkpoint === undefined ? {} : await modelAt(context.inData(checkpoint, 'a model'));
  return {
    ...source,
    ...rest,
    ...(adapter === undefined ? {} : { adapter: context.inData(adapter, 'an adapter') }),
    ...(config === undefined ? {} : { config: isFile(config) ? context.inData(config, 'a config') : config }),
  };
}

/** Names of variants and methods have no ending; a config.json has. */
function isFile(config: NonNullable<LoadOptions['config']>): config is string {
  return typeof config === 'string' && !VARIANTS.includes(config as never) && config.endsWith('.json');
}
