import { GmisegError } from '../errors.js';
import type { PreparedExample } from './example.js';
import type { Gallery } from './gallery.js';
import type { Work } from './host.js';
import { digestOf } from './picture.js';
import { clicksIn, clicksOn } from './place-prompts.js';
import type { ExampleSet, PromptedExample } from './prepare-examples.js';
import { wholeOf } from './region.js';
import type { TaskLabel } from './state.js';

/** An example whose mask the model makes from its prompts. */
async function maskFromPrompts(
  work: Work,
  gallery: Gallery,
  { name, group, picture, prompts }: PromptedExample,
  value: number,
): Promise<PreparedExample> {
  const whole = wholeOf(picture);
  const clicks = clicksIn(clicksOn(prompts, picture), whole, false);
  const embedding = await gallery.get(work, picture, whole);
  const logits = await work.promptOnly(embedding, clicks ?? { rows: 1, pointsPerRow: 0 });
  const mask = Uint8Array.from(logits, (logit) => (logit > 0 ? value : 0));
  return {
    name,
    source: name,
    group,
    axis: null,
    index: null,
    picture,
    mask,
    digest: digestOf(picture, mask),
  };
}

/** The examples with masks, and those whose masks the model makes from prompts. */
export async function completeExamples(
  work: Work,
  { examples, prompted }: ExampleSet,
  gallery: Gallery,
  labels: readonly TaskLabel[] | null,
): Promise<ExampleSet['examples']> {
  if (prompted.length === 0) return examples;
  if (labels !== null && labels.length > 1) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      'Examples with prompts in place of a mask show one label; with several labels, every example needs a mask.',
    );
  }
  const made: ExampleSet['examples'][number][] = [];
  for (const each of prompted) made.push(await maskFromPrompts(work, gallery, each, labels?.[0]?.value ?? 1));
  return [...examples, ...made];
}
