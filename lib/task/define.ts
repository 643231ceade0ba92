import type { CallSite } from '../errors.js';
import { observed } from '../observed.js';
import type { JobOptions } from '../segmenter.js';
import { Task } from '../task.js';
import { requireKeys } from '../validate.js';
import type { TaskExample } from './example.js';
import { Gallery } from './gallery.js';
import { jobOptions, type TaskHost, workOf } from './host.js';
import { completeExamples } from './mask-from-prompts.js';
import { type TaskOptions, taskSettings, valuesOf } from './options.js';
import { NONE_KNOWN, prepareExamples } from './prepare-examples.js';
import { buildState, sameChannels } from './state.js';
import { loadTask, pathOf } from './task-file.js';

/** Segmenter.defineTask. */
export async function defineTask(
  host: TaskHost,
  site: CallSite,
  examples: readonly TaskExample[],
  options: TaskOptions,
): Promise<Task> {
  const settings = taskSettings(options);
  return await host.job(site, jobOptions(options), () => {
    const prepared = prepareExamples(examples, {
      window: settings.window ?? undefined,
      volume: settings.volume,
      values: valuesOf(settings.labels),
      signal: options.signal,
    });
    const preparing = observed(prepared(NONE_KNOWN));
    return async (cancellation) => {
      const work = workOf(host, cancellation, site, options.onProgress);
      const set = await preparing;
      const gallery = new Gallery();
      try {
        const all = await completeExamples(work, set, gallery, settings.labels);
        const { examples: ready } = sameChannels(all);
        const { axes, warnings } = set;
        const state = await buildState(work, host, settings, ready, gallery);
        gallery.settle();
        const created = new Date().toISOString();
        return new Task(
          host,
          { settings, state, axes, examples: ready, notes: [], warnings, created },
          gallery,
        );
      } catch (error) {
        gallery.close();
        throw error;
      }
    };
  });
}

/** Segmenter.loadTask. */
export async function openTask(
  host: TaskHost,
  site: CallSite,
  path: string | URL,
  options: JobOptions,
): Promise<Task> {
  requireKeys('options', options, ['signal', 'queue']);
  const source = pathOf(path);
  return await host.job(site, jobOptions(options), () => async (cancellation) => {
    const stored = await loadTask(workOf(host, cancellation, site), source);
    return new Task(host, stored, new Gallery());
  });
}
