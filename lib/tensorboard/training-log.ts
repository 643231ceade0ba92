import type { TrainStep } from '../training.js';
import type { Scalars } from './event.js';
import { EventLog } from './event-log.js';

/** A training's reports as TensorBoard shows them: `train/loss`, `validation/dice` and so on. */
export class TrainingLog {
  readonly #folder: string;
  #log: Promise<EventLog> | null = null;

  /** Nothing is written before the first report. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Adds a report. A run that was resumed replaces what it repeats. @throws GmisegError ERR_IO */
  async add(report: TrainStep): Promise<void> {
    this.#log ??= EventLog.open(this.#folder, report.step);
    (await this.#log).add(scalarsOf(report), report.step);
  }

  async close(): Promise<void> {
    if (this.#log !== null) await (await this.#log).close();
  }
}

/** All numbers of a report but its step. */
function scalarsOf({ type, step: _, ...rest }: TrainStep): Scalars {
  const group = type === 'step' ? 'train' : 'validation';
  const numbers = Object.entries(rest).filter(([, value]) => typeof value === 'number');
  return Object.fromEntries(numbers.map(([name, value]) => [`${group}/${name}`, value as number]));
}
