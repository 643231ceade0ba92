import type { LabelReport, TaskReport } from '../task/check.js';
import type { TaskInfo } from '../task.js';
import { textTable } from './text-table.js';

/** Text in the last column, below a label's headline. */
const TABLE = { indent: '  ', lastLeft: true };

/** A task's report for people. */
export function reportText(report: TaskReport): string {
  return report.labels.map(labelText).join('\n\n');
}

function labelText(label: LabelReport): string {
  const { dice, interval, deviation } = label;
  const place = label.axis === null ? '' : `, slices across axis ${label.axis}`;
  const expected =
    dice === null
      ? 'nothing could be left out'
      : `Dice ${dice.toFixed(3)} to expect on new images` +
        (interval === null ? '' : ` (95 % interval ${interval[0].toFixed(2)} to ${interval[1].toFixed(2)}`) +
        (interval === null || deviation === null ? '' : `, single images +- ${deviation.toFixed(2)})`);
  const rows = label.examples.map(({ name, dice: own, truthPixels, predictedPixels, misfits }) => [
    name,
    own === null ? '-' : own.toFixed(3),
    String(truthPixels),
    predictedPixels === null ? '-' : String(predictedPixels),
    misfits.map(({ kind, message }) => `${kind}: ${message}`).join(' '),
  ]);
  const curve = label.curve.map(({ examples, dice: mean }) => `${examples}: ${mean.toFixed(3)}`).join('   ');
  return [
    `${label.name} (label ${label.value}${place}): ${expected}`,
    `  by ${label.recipe}`,
    textTable([['example', 'Dice', 'mask', 'predicted', ''], ...rows], TABLE),
    ...(curve === '' ? [] : [`  Dice by number of examples   ${curve}`]),
    ...label.advice.map((line) => `  ${line}`),
  ].join('\n');
}

/** What a task holds, for people. */
export function infoText(info: TaskInfo): string {
  const names = info.examples.length > 8 ? [...info.examples.slice(0, 8), '...'] : info.examples;
  return [
    `labels     ${info.labels.map(({ value, name }) => `${value} ${name}`).join(', ')}`,
    `examples   ${info.examples.length}: ${names.join(', ')}${info.hasExamples ? '' : ' (their pixels are not kept)'}`,
    ...(info.axes === null ? [] : [`axes       ${info.axes.join(', ')}`]),
    `created    ${info.created}`,
    ...info.choices.flatMap(({ label, axis, recipe, trials }) => [
      `label ${label}${axis === null ? '' : `, axis ${axis}`}: ${recipe}`,
      ...(trials.length === 0
        ? ['  taken without a trial: nothing was left to choose, or no example could be left out']
        : [
            textTable(
              [
                ['tried', 'Dice', 'left out'],
                ...trials.map((trial) => [
                  trial.recipe,
                  trial.dice === null ? '-' : trial.dice.toFixed(3),
                  String(trial.examples),
                ]),
              ],
              TABLE,
            ),
          ]),
    ]),
  ].join('\n');
}
