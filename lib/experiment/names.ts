/** The experiments, each a file of this folder. */
export const EXPERIMENTS = [
  'table2',
  'figure4',
  'figure5',
  'figure6',
  'figure7',
  'forgetting',
  'ablation',
] as const;
export type ExperimentName = (typeof EXPERIMENTS)[number];
