import type { TrainingLog } from '../tensorboard/training-log.js';
import type { Training, TrainStep, TrainSummary } from '../training.js';
import type { CommandContext } from './context.js';
import { duration, type Progress } from './progress.js';

/** Shows the reports as they come; Ctrl-C stops between two steps, after a checkpoint. */
export async function followTraining(
  training: Training,
  steps: number,
  { progress, signal, line }: Pick<CommandContext, 'progress' | 'signal' | 'line'>,
  log: TrainingLog | null,
): Promise<TrainSummary> {
  const stop = (): void => {
    progress.note('\nStopping after this step ...');
    // What it fails with, the loop below fails with as well.
    training.stop().catch(() => {});
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  const view = new TrainingView(progress, steps);
  try {
    for await (const report of training) {
      line(report);
      view.show(report);
      await log?.add(report);
    }
    return await training;
  } finally {
    signal.removeEventListener('abort', stop);
    progress.stop();
    await log?.close();
  }
}

/** The bar of a training: loss and Dice (smoothed), rate, time left, last validation. */
class TrainingView {
  private loss = 0;
  private dice = 0;
  private milliseconds = 0;
  private validation = '';
  private started = false;

  constructor(
    private readonly progress: Progress,
    private readonly steps: number,
  ) {}

  show(report: TrainStep): void {
    if (!this.started) {
      this.progress.start('train', this.steps);
      this.started = true;
      if (report.type === 'step')
        [this.loss, this.dice, this.milliseconds] = [report.loss, report.dice, report.ms];
    }
    if (report.type === 'validation') {
      this.validation = ` val ${report.dice.toFixed(3)}`;
      return;
    }
    const mix = (old: number, fresh: number): number => 0.95 * old + 0.05 * fresh;
    this.loss = mix(this.loss, report.loss);
    this.dice = mix(this.dice, report.dice);
    this.milliseconds = mix(this.milliseconds, report.ms);
    const left = ((this.steps - report.step) * this.milliseconds) / 1000;
    const rate = this.milliseconds > 0 ? `${(1000 / this.milliseconds).toFixed(1)}/s` : '';
    this.progress.update(
      report.step,
      `loss ${this.loss.toFixed(3)} dice ${this.dice.toFixed(3)}${this.validation} ${rate} ${duration(left)} left`,
    );
  }
}
