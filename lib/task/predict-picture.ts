import type { Uint8Image } from '../image/index.js';
import type { PreparedPrompts } from '../prompts.js';
import { type Answer, askLabel, Query } from './ask.js';
import type { Work } from './host.js';
import { type FramedPicture, resizeValues, squarePicture, withChannels } from './picture.js';
import { type Clicks, clicksOn } from './place-prompts.js';
import type { PictureResult } from './result.js';
import { joined, settle } from './settle.js';
import type { Section, TaskLabel } from './state.js';

/** What of a task answers for a picture. */
export interface Answering {
  readonly section: Section;
  readonly labels: readonly TaskLabel[];
  readonly channels: 1 | 3;
}

export interface PictureAsk {
  /** By label value. */
  readonly prompts: ReadonlyMap<number, PreparedPrompts>;
  readonly probability: boolean;
  readonly uncertainty: boolean;
}

/** Masks of one picture. */
export async function predictPicture(
  work: Work,
  answering: Answering,
  image: Uint8Image,
  options: PictureAsk,
): Promise<PictureResult> {
  const query = queryOf(image, answering.channels);
  let answers: Answer[];
  try {
    answers = await answersOf(work, answering, query, {
      prompts: options.prompts,
      spread: options.uncertainty,
    });
  } finally {
    query.close();
  }
  const { width, height } = image;
  const values = answering.labels.map(({ value }) => value);
  const labels = settle(
    answers.map(({ probability }) => probability),
    values,
  );
  const masks = new Uint8Array(values.length * labels.length);
  for (const [at, value] of values.entries()) {
    for (let pixel = 0; pixel < labels.length; pixel++) {
      if (labels[pixel] === value) masks[at * labels.length + pixel] = 1;
    }
  }
  return {
    kind: 'picture',
    width,
    height,
    values,
    count: values.length,
    labels,
    masks,
    ...(options.probability && { probability: joined(answers.map(({ probability }) => probability)) }),
    ...(options.uncertainty && {
      uncertainty: joined(answers.map(({ spread }) => spread ?? new Float32Array(width * height))),
    }),
  };
}

/** A picture as tasks of so many channels see it, which is encoded once however often it is asked for. */
export function queryOf(image: Uint8Image, channels: 1 | 3): Query<FramedPicture> {
  return new Query(withChannels(squarePicture(image), channels));
}

/** What is known of a picture before its labels are asked for, by label value; and what they are asked for. */
export interface Given {
  readonly prompts?: ReadonlyMap<number, PreparedPrompts>;
  /** Logits on the picture's own pixels, see AskOptions. */
  readonly hints?: ReadonlyMap<number, Float32Array>;
  readonly spread: boolean;
}

/** Each label's answer on the picture's own pixels; nothing for a label that the section has not seen. */
export async function answersOf(
  work: Work,
  { section, labels }: Pick<Answering, 'section' | 'labels'>,
  query: Query<FramedPicture>,
  { prompts, hints, spread }: Given,
): Promise<Answer[]> {
  const { picture } = query;
  const { width, height, sourceWidth, sourceHeight } = picture;
  const answers: Answer[] = [];
  for (const { value } of labels) {
    const state = section.labels.find((label) => label.value === value);
    if (state === undefined) {
      answers.push({ probability: new Float32Array(sourceWidth * sourceHeight), spread: null });
      continue;
    }
    const given = prompts?.get(value);
    const clicks: Clicks | null = given === undefined ? null : clicksOn(given, picture);
    const hint = hints?.get(value);
    const answer = await askLabel(work, state.fitted, query, {
      clicks,
      hint: hint === undefined ? null : resizeValues(hint, sourceWidth, sourceHeight, width, height),
      spread,
    });
    answers.push(onSource(answer, picture));
  }
  return answers;
}

function onSource({ probability, spread }: Answer, picture: FramedPicture): Answer {
  const { width, height, sourceWidth, sourceHeight } = picture;
  const resize = (values: Float32Array): Float32Array =>
    resizeValues(values, width, height, sourceWidth, sourceHeight);
  return { probability: resize(probability), spread: spread === null ? null : resize(spread) };
}
