import type { Results } from '../results.js';
import type { TableCell, TableSection } from './content.js';

/** What each training had, and which of its weights were asked; nothing where nothing was trained. */
export function trainingsTable({ trainings }: Results): TableSection[] {
  if (trainings.length === 0) return [];
  return [
    {
      kind: 'table',
      name: 'trainings',
      title: 'Trainings',
      note: 'Best weights are those with the best Dice on the split "val" of what was trained on; minutes are of the clock.',
      columns: ['training', 'data', 'steps', 'minutes', 'weights', 'of step', 'Dice on val'],
      rows: trainings.map(
        ({ training, data, steps, seconds, weights, weightsStep, valDice }): TableCell[] => [
          training,
          data.join(', ') || 'synthetic',
          steps,
          { text: (seconds / 60).toFixed(1), value: seconds / 60 },
          weights,
          weightsStep,
          valDice === null ? null : { text: valDice.toFixed(3), value: valDice },
        ],
      ),
    },
  ];
}
