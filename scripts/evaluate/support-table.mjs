/**
 * What a table shows of a result of evaluate-support.mjs. A row has its number of supports, n, and the Dice of each
 * engine by its name: the mean and the spread between draws.
 *
 * @typedef {object} SupportResult
 * @property {string} task
 * @property {number} queries
 * @property {Record<string, any>[]} rows
 * @property {{ mean: number }} boxesFromTruth
 */

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {'---' | '---:'} align
 * @property {(result: SupportResult, row: Record<string, any>) => string | number} cell
 */

/**
 * All engines that any of the results has.
 *
 * @param {readonly SupportResult[]} results
 */
export function enginesOf(results) {
  const keys = results.flatMap(({ rows }) => rows.flatMap((row) => Object.keys(row)));
  return [...new Set(keys)].filter((key) => key !== 'n');
}

/**
 * A line for each row: what `columns` say, the engines, boxes from the truth.
 *
 * @param {readonly SupportResult[]} results
 * @param {readonly string[]} engines
 * @param {readonly Column[]} columns
 * @returns {string} in Markdown
 */
export function supportTable(results, engines, columns) {
  const line = (/** @type {readonly (string | number)[]} */ cells) => `| ${cells.join(' | ')} |`;
  const aligned = [...columns.map(({ align }) => align), ...engines.map(() => '---:'), '---:'];
  return [
    line([...columns.map(({ title }) => title), ...engines, 'boxes from the truth']),
    `|${aligned.join('|')}|`,
    ...results.flatMap((result) =>
      result.rows.map((row) =>
        line([
          ...columns.map(({ cell }) => cell(result, row)),
          ...engines.map((engine) => spread(row[engine])),
          result.boxesFromTruth.mean.toFixed(3),
        ]),
      ),
    ),
  ].join('\n');
}

/** @param {{ mean: number, std: number } | undefined} dice of an engine; missing where the result was asked of others */
function spread(dice) {
  return dice === undefined ? '–' : `${dice.mean.toFixed(3)} ± ${dice.std.toFixed(3)}`;
}
