import type { NativeEmbedding, NativePrompts, NativeTask } from '../../types/native.js';
import type { FittedLabel, Pass } from './fit.js';
import { Gallery } from './gallery.js';
import type { Work } from './host.js';
import { nearClicks } from './near-clicks.js';
import type { Picture } from './picture.js';
import { type Clicks, clicksIn } from './place-prompts.js';
import { logitOf, probabilityOf } from './probability.js';
import { type FitOptions, tilesAcross } from './recipe.js';
import { Blend, cropRound, cut, type Region, targetBox, tilesOf, wholeOf } from './region.js';

/** What a label's engines say of a picture, on its pixels: [height, width]. */
export interface Answer {
  readonly probability: Float32Array;
  /** Standard deviation over ensemble members and mirrored passes. */
  readonly spread: Float32Array | null;
}

/** A new picture, whose parts are encoded once for all labels. */
export class Query<P extends Picture = Picture> {
  constructor(
    readonly picture: P,
    readonly gallery: Gallery = new Gallery(),
  ) {}

  close(): void {
    this.gallery.close();
  }
}

export interface AskOptions {
  readonly clicks: Clicks | null;
  /**
   * Logits [height, width] of the picture that speak for the target or against it before anything is seen; null for
   * none. SAM's decoder takes them as part of its mask prompt; they are added to the answer of what does not end in it.
   */
  readonly hint?: Float32Array | null;
  readonly spread: boolean;
}

/** The answer of one label. */
export async function askLabel(
  work: Work,
  fitted: FittedLabel,
  query: Query,
  options: AskOptions,
): Promise<Answer> {
  const { clicks } = options;
  const answers = [await askOnce(work, fitted, query, false, options)];
  if (fitted.recipe.flips) answers.push(await askOnce(work, fitted, query, true, options));
  const answer = answers.length === 1 ? (answers[0] as Answer) : meanOf(answers, options.spread);
  if (clicks === null) return answer;
  return { ...answer, probability: nearClicks(answer.probability, clicks, query.picture) };
}

async function askOnce(
  work: Work,
  fitted: FittedLabel,
  query: Query,
  mirrored: boolean,
  options: AskOptions,
): Promise<Answer> {
  const { picture } = query;
  const { width, height } = picture;
  const { recipe } = fitted;
  const ask = (pass: Pass, fit: FitOptions, region: Region): Promise<Answer> =>
    askRegion(work, { task: fitted.part(pass, mirrored), fit, query, region, mirrored }, options);
  const askFirst = async (region: Region): Promise<Answer> => {
    const own = await ask('first', recipe.first, region);
    if (recipe.partner === null) return own;
    return meanOf([own, await ask('partner', recipe.partner, region)], options.spread);
  };
  const across = tilesAcross(recipe.view);
  if (across === 1) {
    const first = await askFirst(wholeOf(picture));
    if (recipe.second === null) return first;
    const box = targetBox(first.probability, width, height);
    // Nothing found: there is nowhere to look closer, and the first pass's answer stands.
    if (box === null) return first;
    const region = cropRound(box, picture);
    return pasted(first, await ask('second', recipe.second, region), region, width);
  }
  const probability = new Blend(width, height);
  const spread = options.spread ? new Blend(width, height) : null;
  for (const region of tilesOf(picture, across)) {
    const tile = await askFirst(region);
    probability.add(tile.probability, region);
    if (spread !== null && tile.spread !== null) spread.add(tile.spread, region);
  }
  return { probability: probability.mean(), spread: spread?.mean() ?? null };
}

/** One native call, in the picture's own left and right. */
async function askRegion(
  work: Work,
  where: {
    readonly task: NativeTask;
    readonly fit: FitOptions;
    readonly query: Query;
    readonly region: Region;
    readonly mirrored: boolean;
  },
  { clicks, hint = null, spread: wanted }: AskOptions,
): Promise<Answer> {
  const { task, fit, query, region, mirrored } = where;
  const embedding = await query.gallery.get(work, query.picture, region, { mirrored, sight: fit });
  const prompts = clicks === null ? null : clicksIn(clicks, region, mirrored);
  const own = hint === null ? null : cut(hint, query.picture.width, 1, region, mirrored);
  const out = await work.ask(task, embedding, takesHint(fit) ? withHint(prompts, own) : prompts, wanted);
  let { probability } = out;
  const spread = out.spread ?? null;
  if (prompts !== null && !endsInDecoder(fit)) {
    probability = await corrected(work, embedding, probability, prompts);
  }
  if (own !== null && !takesHint(fit)) probability = shifted(probability, own);
  const turn = (values: Float32Array): Float32Array =>
    mirrored ? cut(values, region.width, 1, wholeOf(region), true) : values;
  return { probability: turn(probability), spread: spread === null ? null : turn(spread) };
}

/** Whether the engine takes clicks itself. */
function endsInDecoder(fit: FitOptions): boolean {
  return fit.engine === 'training-free' || fit.engine === 'learned';
}

/** Whether the engine's mask prompt is its own answer so far, which a hint can be added to. */
function takesHint({ engine, output }: FitOptions): boolean {
  return engine === 'learned' && output !== 'dense';
}

function withHint(prompts: NativePrompts | null, hint: Float32Array | null): NativePrompts | null {
  return hint === null ? prompts : { rows: 1, pointsPerRow: 0, ...prompts, hint };
}

/** Probabilities whose logits are moved by a hint. */
function shifted(probability: Float32Array, hint: Float32Array): Float32Array {
  return probability.map((value, at) => probabilityOf(logitOf(value) + (hint[at] as number)));
}

/** SAM's own correction of an answer by clicks, for engines that know none. */
async function corrected(
  work: Work,
  embedding: NativeEmbedding,
  probability: Float32Array,
  prompts: NonNullable<ReturnType<typeof clicksIn>>,
): Promise<Float32Array> {
  const mask = Uint8Array.from(probability, (value) => Number(value >= 0.5));
  const logits = await work.promptOnly(embedding, { ...prompts, mask });
  return logits.map(probabilityOf);
}

function pasted(first: Answer, second: Answer, region: Region, width: number): Answer {
  const paste = (ground: Float32Array, patch: Float32Array): Float32Array => {
    const out = new Float32Array(ground);
    for (let y = 0; y < region.height; y++) {
      out.set(patch.subarray(y * region.width, (y + 1) * region.width), (region.y + y) * width + region.x);
    }
    return out;
  };
  return {
    probability: paste(first.probability, second.probability),
    spread: first.spread === null || second.spread === null ? null : paste(first.spread, second.spread),
  };
}

/** Mean, and the spread of all members: within each answer and between them. */
export function meanOf(answers: readonly Answer[], withSpread: boolean): Answer {
  const count = answers.length;
  const length = answers[0]!.probability.length;
  const probability = new Float32Array(length);
  for (const one of answers) {
    for (let at = 0; at < length; at++)
      (probability[at] as number) += (one.probability[at] as number) / count;
  }
  if (!withSpread) return { probability, spread: null };
  const spread = new Float32Array(length);
  for (let at = 0; at < length; at++) {
    let variance = 0;
    for (const one of answers) {
      const away = (one.probability[at] as number) - (probability[at] as number);
      variance += ((one.spread?.[at] ?? 0) ** 2 + away ** 2) / count;
    }
    spread[at] = Math.sqrt(variance);
  }
  return { probability, spread };
}
