/** Networks that are no SAM, for comparison: docs/baselines.md. */
export const METHODS = ['universeg', 'neuralizer', 'cyclegan', 'unet'] as const;
export type Method = (typeof METHODS)[number];

/** What a baseline is made of. Defaults are the published configurations. */
export interface BaselineConfig {
  readonly method: Method;
  /** Pixels a side of the input; 128 where left out. */
  readonly image_size?: number;
  /** Of `universeg` and `unet`: channels a stage, finest first. */
  readonly widths?: readonly number[];
  /** Of `neuralizer` and `cyclegan` (its first layer): channels. */
  readonly width?: number;
  /** Of `neuralizer`. */
  readonly stages?: number;
  /** Of `neuralizer`: convolutions a residual unit. */
  readonly convs?: number;
  /** Of `neuralizer`: what makes a probability of its answer; `none` for the published weights. */
  readonly activation?: 'sigmoid' | 'none';
  /** Of `cyclegan`: residual blocks of a generator; 6 below 256 pixels, else 9. */
  readonly blocks?: number;
  /** Of `cyclegan`: trained on one task, unpaired (C1) or paired (C2), or once on all tasks (C3). */
  readonly variant?: 'C1' | 'C2' | 'C3';
  readonly [key: string]: unknown;
}

/** Whether a model's info is that of a baseline. */
export function isBaseline({ method }: { readonly method: string }): boolean {
  return (METHODS as readonly string[]).includes(method);
}

/** Whether a baseline looks at examples; the others have their task in their weights, whatever they are shown. */
export function readsExamples(method: string): boolean {
  return method !== 'unet' && method !== 'cyclegan';
}
