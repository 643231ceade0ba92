import { writeSync } from 'node:fs';

/**
 * Written at once: nothing is lost when the process ends in the next line.
 *
 * @param {string} line
 */
export function say(line) {
  writeSync(1, `${line}\n`);
}
