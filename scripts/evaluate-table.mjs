// The table of several evaluate-support.mjs results: node scripts/evaluate-table.mjs FILE.json ...
import { readFileSync } from 'node:fs';

const results = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')));
const engines = Object.keys(results[0].rows[0]).filter((key) => key !== 'n');
const cell = (/** @type {{ mean: number, std: number }} */ { mean, std }) =>
  `${mean.toFixed(3)} ± ${std.toFixed(3)}`;
console.log(`| task | n | N | ${engines.join(' | ')} | boxes from the truth |`);
console.log(`|---|---:|---:|${engines.map(() => '---:|').join('')}---:|`);
for (const { task, queries, rows, boxesFromTruth } of results) {
  for (const row of rows) {
    const cells = engines.map((engine) => cell(row[engine]));
    console.log(
      `| ${task} | ${queries} | ${row.n} | ${cells.join(' | ')} | ${boxesFromTruth.mean.toFixed(3)} |`,
    );
  }
}
