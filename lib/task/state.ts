import { GmisegError } from '../errors.js';
import type { Axis } from '../image/index.js';
import { inputSizes, settingsFor, withEnsemble } from './candidates.js';
import { chooseRecipe } from './choose.js';
import { canonical, type PreparedExample, pixelsOf } from './example.js';
import { type FittedLabel, fitLabel } from './fit.js';
import type { Gallery } from './gallery.js';
import type { TaskHost, Work } from './host.js';
import type { TaskSettings } from './options.js';
import { isColoured, withChannels } from './picture.js';
import type { Recipe } from './recipe.js';
import { mean } from './statistics.js';
import type { Trial } from './trial.js';

/** A label of a task. */
export interface TaskLabel {
  /** 1 to 255, as in the masks */
  readonly value: number;
  readonly name: string;
}

/** A candidate that was tried: its mean Dice on so many examples that it had not seen. */
export interface TrialSummary {
  readonly recipe: Recipe;
  readonly dice: number | null;
  readonly examples: number;
}

export interface LabelState extends TaskLabel {
  readonly fitted: FittedLabel;
  readonly trials: readonly TrialSummary[];
}

/** All labels, for pictures or for slices across one axis. */
export interface Section {
  /** Null: pictures, not slices. */
  readonly axis: Axis | null;
  readonly labels: readonly LabelState[];
}

/** What a task knows. */
export interface TaskState {
  readonly labels: readonly TaskLabel[];
  /** What pictures are brought to: 3 if an example is coloured. */
  readonly channels: 1 | 3;
  readonly sections: readonly Section[];
}

/** Brings all examples to the same number of channels, those of the task. */
export function sameChannels(examples: readonly PreparedExample[]): {
  channels: 1 | 3;
  examples: PreparedExample[];
} {
  const channels = examples.some(({ picture }) => isColoured(picture)) ? 3 : 1;
  return {
    channels,
    examples: examples.map((example) => {
      const picture = withChannels(example.picture, channels);
      return picture === example.picture ? example : { ...example, picture };
    }),
  };
}

/** The labels that the settings name or the masks hold. @throws GmisegError ERR_INVALID_ARG where nothing is shown */
export function labelsOf(settings: TaskSettings, examples: readonly PreparedExample[]): TaskLabel[] {
  const found = new Set<number>();
  for (const { mask } of examples) for (const value of mask) found.add(value);
  found.delete(0);
  const values = [...found].sort((a, b) => a - b);
  if (values.length === 0) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      settings.labels === null
        ? 'All masks are empty; at least one example must show what is to be found.'
        : `No mask holds the labels asked for (${settings.labels.map(({ value }) => value).join(', ')}); check ` +
            'options.labels against the values in the masks.',
    );
  }
  if (settings.labels === null) {
    if (values.length > MOST_LABELS) {
      throw new GmisegError(
        'ERR_INVALID_ARG',
        `The masks hold ${values.length} values, more than labels have: ${values.slice(0, 6).join(', ')}, ... If they ` +
          'were smoothed or compressed, save them anew as PNG; else name those that mean something in options.labels.',
        { details: { values } },
      );
    }
    return values.map((value) => ({ value, name: values.length === 1 ? 'foreground' : `label ${value}` }));
  }
  const missing = settings.labels.filter(({ value }) => !found.has(value));
  if (missing.length > 0 && settings.allLabels) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `No mask holds label ${missing.map(({ value }) => value).join(', ')}; the masks hold ${values.join(', ')}.`,
      { details: { missing: missing.map(({ value }) => value), found: values } },
    );
  }
  return settings.labels.filter(({ value }) => found.has(value));
}

const MOST_LABELS = 64;

/** Chooses and fits everything. The gallery keeps the encoded pictures for the next time. */
export async function buildState(
  work: Work,
  host: TaskHost,
  settings: TaskSettings,
  examples: readonly PreparedExample[],
  gallery: Gallery,
): Promise<TaskState> {
  const labels = labelsOf(settings, examples);
  const channels = examples.some(({ picture }) => picture.channels === 3) ? 3 : 1;
  const slices = [0, 1, 2].filter((axis) => examples.some((example) => example.axis === axis)) as Axis[];
  const axes: (Axis | null)[] = slices.length === 0 ? [null] : slices;
  const sections: Section[] = [];
  try {
    for (const axis of axes) {
      // Pictures beside volumes join every axis: nobody knows which they were cut across.
      const own = canonical(examples.filter((example) => example.axis === null || example.axis === axis));
      const states: LabelState[] = [];
      sections.push({ axis, labels: states });
      for (const label of labels) {
        const showing = own.filter((example) => pixelsOf(example, label.value) > 0);
        if (showing.length > 0) states.push(await buildLabel(work, host, settings, showing, label, gallery));
      }
    }
  } catch (error) {
    closeSections(sections);
    throw error;
  }
  return { labels, channels, sections };
}

async function buildLabel(
  work: Work,
  host: TaskHost,
  given: TaskSettings,
  showing: readonly PreparedExample[],
  label: TaskLabel,
  gallery: Gallery,
): Promise<LabelState> {
  const settings = settingsFor(given, host.info);
  const context = {
    work,
    gallery,
    settings,
    hasTaskEncoder: (host.info.taskEncoder ?? null) !== null,
    imageSize: host.info.imageSize,
    lowResSize: host.info.lowResSize,
    sizes: inputSizes(settings, host.info),
  };
  const choice = await chooseRecipe(context, showing, label.value);
  const recipe = finalRecipe(choice.recipe, settings);
  work.progress('fit', 0);
  const fitted = await fitLabel(work, gallery, showing, label.value, recipe);
  gallery.limit();
  work.progress('fit', 1);
  return { ...label, fitted, trials: choice.trials.map(summaryOf) };
}

function summaryOf({ recipe, dice }: Trial): TrialSummary {
  const known = [...dice.values()].filter((each) => !Number.isNaN(each));
  return { recipe, dice: known.length === 0 ? null : mean(known), examples: known.length };
}

/** The chosen recipe with the ensemble asked for: subsets of subsets would be poor judges while choosing. */
function finalRecipe(recipe: Recipe, settings: TaskSettings): Recipe {
  return {
    ...recipe,
    first: withEnsemble(recipe.first, settings),
    partner: recipe.partner === null ? null : withEnsemble(recipe.partner, settings),
    second: recipe.second === null ? null : withEnsemble(recipe.second, settings),
  };
}

export function closeSections(sections: readonly Section[]): void {
  for (const { labels } of sections) for (const { fitted } of labels) fitted.close();
}
