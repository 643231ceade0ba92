import { ablation } from './ablation.js';
import type { Experiment } from './experiment.js';
import { figure4 } from './figure4.js';
import { figure5 } from './figure5.js';
import { figure6 } from './figure6.js';
import { figure7 } from './figure7.js';
import { forgetting } from './forgetting.js';
import type { ExperimentName } from './names.js';
import { table2 } from './table2.js';

const ALL: Readonly<Record<ExperimentName, Experiment>> = {
  table2,
  figure4,
  figure5,
  figure6,
  figure7,
  forgetting,
  ablation,
};

export function experimentNamed(name: ExperimentName): Experiment {
  return ALL[name];
}
