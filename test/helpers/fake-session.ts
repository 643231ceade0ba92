import { readFileSync, writeFileSync } from 'node:fs';
import { Cancellation } from '../../lib/cancellation.js';
import type { SegmenterInfo } from '../../lib/segmenter.js';
import { type TaskHost, Work } from '../../lib/task/host.js';
import type { FitOptions } from '../../lib/task/recipe.js';
import type {
  NativeEmbedding,
  NativeExample,
  NativeImage,
  NativeJob,
  NativeLook,
  NativeSession,
  NativeTask,
} from '../../types/native.js';

interface FakeTask extends NativeTask {
  readonly options: FitOptions;
}

interface FakeEmbedding extends NativeEmbedding {
  readonly image: NativeImage;
  readonly look: NativeLook;
}

/** How well an engine does on a picture of this size, shown so. */
export type FakeDice = (
  fit: FitOptions,
  size: { width: number; height: number },
  group: number,
  cutoff: number,
  look: NativeLook,
) => number;

/** What leaving one out looks at. */
const CUTOFFS = [0.5, 0.3, 0.7];

/** A session without a model: bright pixels (>= 128) are the target, and Dice is what the test says. */
export class FakeSession {
  encoded: NativeImage[] = [];
  /** How each was shown. */
  looks: NativeLook[] = [];
  fits: { options: FitOptions; examples: NativeExample[] }[] = [];
  asked: { width: number; height: number }[] = [];
  trials: { candidates: FitOptions[]; examples: NativeExample[] }[] = [];
  /** Embeddings and tasks that nobody has closed. */
  open = 0;

  /** `blind`: fits that find nothing; all others find bright pixels. */
  constructor(
    private readonly dice: FakeDice = () => 0.8,
    private readonly blind: (fit: FitOptions) => boolean = () => false,
  ) {}

  work(): Work {
    return new Work(this as unknown as NativeSession, new Cancellation(), { stack: '' });
  }

  /** A segmenter that runs one job at a time. */
  host(): TaskHost {
    return {
      session: this as unknown as NativeSession,
      info: {
        variant: 'custom',
        imageSize: 64,
        lowResSize: 16,
        taskEncoder: null,
        trainings: 0,
      } as SegmenterInfo,
      job: async (_site, _options, prepare) => {
        const cancellation = new Cancellation();
        return await prepare(cancellation)(cancellation);
      },
    };
  }

  encode(image: NativeImage, look: NativeLook = {}): NativeJob<NativeEmbedding> {
    this.encoded.push(image);
    this.looks.push(look);
    const embedding: FakeEmbedding = {
      image,
      look,
      imageWidth: image.width,
      imageHeight: image.height,
      shape: [1, 1, 1, 1],
      toArray: () => new Float32Array(1),
      close: this.opened(),
    };
    return done(embedding);
  }

  defineTask(examples: NativeExample[], optionsJson: string): NativeJob<NativeTask> {
    const options = JSON.parse(optionsJson) as FitOptions;
    this.fits.push({ options, examples });
    const task: FakeTask = { options, examples: examples.length, describe: () => '{}', close: this.opened() };
    return done(task);
  }

  /** Counts what is opened until the function that this returns is called. */
  private opened(): () => void {
    this.open += 1;
    return () => {
      this.open -= 1;
    };
  }

  predictTask(
    task: NativeTask,
    embedding: NativeEmbedding,
    _prompts: unknown,
    out: { probability: Float32Array },
  ): NativeJob<void> {
    const { image } = embedding as FakeEmbedding;
    const blind = this.blind((task as FakeTask).options);
    this.asked.push({ width: image.width, height: image.height });
    for (let at = 0; at < out.probability.length; at++) {
      const bright = (image.data[at * image.channels] as number) >= 128;
      out.probability[at] = bright && !blind ? 0.9 : 0.1;
    }
    return done(undefined);
  }

  saveTask(task: NativeTask, _extraJson: string, path: string): NativeJob<void> {
    writeFileSync(path, JSON.stringify((task as FakeTask).options));
    return done(undefined);
  }

  loadTask(path: string): NativeJob<{ task: NativeTask; extraJson: string }> {
    const { promise, abort } = this.defineTask([], readFileSync(path, 'utf8'));
    return { promise: promise.then((task) => ({ task, extraJson: '{}' })), abort };
  }

  leaveOneOut(examples: NativeExample[], candidatesJson: string): NativeJob<string> {
    const candidates = JSON.parse(candidatesJson) as FitOptions[];
    this.trials.push({ candidates, examples });
    const result = candidates.map((options) => ({
      options,
      results: examples.map(({ embedding, group }) => {
        const size = { width: embedding.imageWidth, height: embedding.imageHeight };
        const { look } = embedding as FakeEmbedding;
        const both = CUTOFFS.map((cutoff) => 1000 * this.dice(options, size, group, cutoff, look));
        return { group, truth: 1000, both, predicted: CUTOFFS.map(() => 1000) };
      }),
    }));
    return done(JSON.stringify({ cutoffs: CUTOFFS, candidates: result }));
  }
}

function done<T>(value: T): NativeJob<T> {
  return { promise: Promise.resolve(value), abort: () => {} };
}
