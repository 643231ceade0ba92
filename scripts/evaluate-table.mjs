// The table of several evaluate-support.mjs results: node scripts/evaluate-table.mjs FILE.json ...
import { readFileSync } from 'node:fs';
import { enginesOf, supportTable } from './evaluate/support-table.mjs';

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: node scripts/evaluate-table.mjs FILE.json ...');
  process.exit(2);
}
/** @type {import('./evaluate/support-table.mjs').SupportResult[]} */
const results = files.map((file) => JSON.parse(readFileSync(file, 'utf8')));
console.log(
  supportTable(results, enginesOf(results), [
    { title: 'task', align: '---', cell: ({ task }) => task },
    { title: 'n', align: '---:', cell: ({ queries }) => queries },
    { title: 'N', align: '---:', cell: (_, { n }) => n },
  ]),
);
