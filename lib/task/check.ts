import { askLabel, Query } from './ask.js';
import { type Counts, crossPredict, diceOf, groupsOf } from './cross-predict.js';
import { canonical, type PreparedExample, pixelsOf } from './example.js';
import type { Gallery } from './gallery.js';
import type { Work } from './host.js';
import { type CurvePoint, learningCurve } from './learning-curve.js';
import { type Misfit, misfitsOf } from './misfits.js';
import { describeRecipe } from './recipe.js';
import type { LabelState, Section } from './state.js';
import { deviation, interval, mean } from './statistics.js';

/** One example, predicted from the others. */
export interface ExampleReport {
  readonly name: string;
  /** 0 to 1; null where nothing could be left out, or where both masks are empty. */
  readonly dice: number | null;
  /** Pixels of the given mask, and of the one predicted. */
  readonly truthPixels: number;
  readonly predictedPixels: number | null;
  readonly misfits: readonly Misfit[];
}

/** How a label does. */
export interface LabelReport {
  readonly value: number;
  readonly name: string;
  /** Axis of the slices; null for pictures. */
  readonly axis: 0 | 1 | 2 | null;
  /** What was chosen, for people. */
  readonly recipe: string;
  /** Mean Dice of the examples when left out: what to expect on new images like them. Null with one example. */
  readonly dice: number | null;
  /** Its 95 % interval, by Student's t over what was left out together; null with fewer than two. */
  readonly interval: readonly [low: number, high: number] | null;
  /** Standard deviation between examples: how much single images differ from the mean. */
  readonly deviation: number | null;
  readonly examples: readonly ExampleReport[];
  /** Mean Dice by number of examples, rising; empty with fewer than four. */
  readonly curve: readonly CurvePoint[];
  /** Whether the curve still rises at its end; null where there is none. */
  readonly moreHelp: boolean | null;
  /** Sentences for people. */
  readonly advice: readonly string[];
}

/** What `task.check()` finds. */
export interface TaskReport {
  readonly labels: readonly LabelReport[];
  /** Names of the examples with a misfit. */
  readonly misfits: readonly string[];
}

/** Groups that are left out one after the other; more are merged, so that a check costs so many fits at most. */
const MOST_FOLDS = 16;

/** Checks all labels of a section. */
export async function checkSection(
  work: Work,
  section: Section,
  all: readonly PreparedExample[],
  gallery: Gallery,
): Promise<LabelReport[]> {
  const own = all.filter((example) => example.axis === null || example.axis === section.axis);
  const reports: LabelReport[] = [];
  for (const [at, label] of section.labels.entries()) {
    const inner = (fraction: number): void => work.progress('check', (at + fraction) / section.labels.length);
    reports.push(await checkLabel(work, label, section.axis, own, gallery, inner));
  }
  return reports;
}

async function checkLabel(
  work: Work,
  label: LabelState,
  axis: LabelReport['axis'],
  all: readonly PreparedExample[],
  gallery: Gallery,
  progress: (fraction: number) => void,
): Promise<LabelReport> {
  const { value, name } = label;
  const { recipe } = label.fitted;
  const examples = canonical(all);
  const showing = examples.filter((example) => pixelsOf(example, value) > 0);
  const found = new Map<string, Counts>();
  const groups = folds(groupsOf(showing));
  const groupDice: number[] = [];
  if (groups.length >= 2) {
    for (const [at, group] of groups.entries()) {
      progress((0.6 * at) / groups.length);
      const others = groups.filter((other) => other !== group).flat();
      const counts = await crossPredict(work, gallery, others, group, { value, recipe });
      for (const [index, { digest }] of group.entries()) found.set(digest, counts[index]!);
      groupDice.push(mean(counts.map(diceOf)));
    }
  }
  const dice = new Map([...found].map(([digest, counts]) => [digest, diceOf(counts)]));
  // What shows nothing was not fitted to; the finished task says what it would mark there.
  const empty = examples.filter((example) => pixelsOf(example, value) === 0);
  for (const [index, counts] of (await falsePositives(work, gallery, label, empty)).entries()) {
    found.set(empty[index]!.digest, counts);
  }
  const curve = await learningCurve(
    { work, gallery, label: { value, recipe }, progress: (part) => progress(0.6 + 0.4 * part) },
    groupsOf(showing),
    [...dice.values()],
  );
  const misfits = misfitsOf(showing, value, dice);
  const scores = [...dice.values()];
  const report = {
    value,
    name,
    axis,
    recipe: describeRecipe(recipe),
    dice: scores.length === 0 ? null : mean(scores),
    interval: interval(groupDice),
    deviation: scores.length < 2 ? null : deviation(scores),
    examples: exampleReports(all, value, found, misfits),
    curve,
    moreHelp: stillRises(curve),
  };
  return { ...report, advice: adviceOf(report, showing.length) };
}

async function falsePositives(
  work: Work,
  gallery: Gallery,
  { fitted }: LabelState,
  empty: readonly PreparedExample[],
): Promise<Counts[]> {
  const counts: Counts[] = [];
  for (const { picture } of empty.slice(0, MOST_FOLDS)) {
    const query = new Query(picture, gallery);
    const { probability } = await askLabel(work, fitted, query, { clicks: null, spread: false });
    const predicted = probability.reduce((sum, each) => sum + Number(each >= 0.5), 0);
    counts.push({ both: 0, predicted, truth: 0 });
  }
  return counts;
}

function folds(groups: readonly (readonly PreparedExample[])[]): PreparedExample[][] {
  if (groups.length <= MOST_FOLDS) return groups.map((group) => [...group]);
  return Array.from({ length: MOST_FOLDS }, (_, at) =>
    groups.filter((_group, index) => index % MOST_FOLDS === at).flat(),
  );
}

/** In the order in which the examples were given; repeated ones say so. */
function exampleReports(
  all: readonly PreparedExample[],
  value: number,
  found: ReadonlyMap<string, Counts>,
  misfits: ReadonlyMap<string, readonly Misfit[]>,
): ExampleReport[] {
  const first = new Map<string, string>();
  return all.map((example) => {
    const { name, digest } = example;
    const counts = found.get(digest);
    const dice = counts === undefined ? Number.NaN : diceOf(counts);
    const twin = first.get(digest);
    first.set(digest, twin ?? name);
    const truthPixels = pixelsOf(example, value);
    const own: Misfit[] = [...(misfits.get(digest) ?? [])];
    if (twin !== undefined) {
      own.push({ kind: 'duplicate', message: `it is the same as ${twin}, and counts once.` });
    }
    if (truthPixels === 0) {
      own.push({
        kind: 'empty',
        message: 'its mask shows nothing of this label; the task was fitted without it.',
      });
    }
    return {
      name,
      dice: Number.isNaN(dice) ? null : dice,
      truthPixels,
      predictedPixels: counts?.predicted ?? null,
      misfits: own,
    };
  });
}

/** A gain of the last doubling that is more than a point and more than half its own noise. */
function stillRises(curve: readonly CurvePoint[]): boolean | null {
  const [before, last] = [curve.at(-2), curve.at(-1)];
  if (before === undefined || last === undefined) return null;
  const noise = Math.hypot(before.standardError, last.standardError);
  return last.dice - before.dice > Math.max(0.01, noise / 2);
}

function adviceOf(
  {
    name,
    dice,
    examples,
    curve,
    moreHelp,
  }: Pick<LabelReport, 'name' | 'dice' | 'examples' | 'curve' | 'moreHelp'>,
  showing: number,
): string[] {
  const advice: string[] = [];
  if (dice === null) {
    advice.push(
      `${name}: one example leaves nothing to check by. Add a second and a third: it costs little and gains most.`,
    );
  } else if (moreHelp === null) {
    advice.push(
      `${name}: with ${showing} examples nobody can tell yet; four or more show whether further ones help.`,
    );
  } else {
    const gain = (curve.at(-1)!.dice - curve.at(-2)!.dice).toFixed(2);
    const from = `from ${curve.at(-2)!.examples} to ${curve.at(-1)!.examples} examples`;
    advice.push(
      moreHelp
        ? `${name}: the step ${from} changed Dice by ${gain}; more examples are likely to help.`
        : `${name}: the step ${from} changed Dice by ${gain}; more of the same are not likely to help. Correct odd masks first, or add what differs most from these.`,
    );
  }
  const odd = examples.filter(({ misfits }) =>
    misfits.some(({ kind }) => kind !== 'duplicate' && kind !== 'empty'),
  );
  if (odd.length > 0) {
    advice.push(
      `${name}: look at ${odd.map((example) => example.name).join(', ')}; correct or remove what does not fit.`,
    );
  }
  if (dice !== null && dice < 0.5) {
    advice.push(
      `${name}: this works badly. Examples that look more like one another, a closer crop, clicks that correct single results, or training an adapter may help.`,
    );
  }
  return advice;
}
