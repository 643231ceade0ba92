// Prints, fixture by fixture, how far the engine's numbers are from the
// reference's: `npm run parity [-- --suite NAME] [--folder DIR] [--device cuda] [--verbose]`.
// The quick suites run by default; --all adds the full-size models (minutes, 3 GiB).
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { runParity, QUICK_SUITES, SLOW_SUITES } = await import(path.join(root, 'dist', 'parity.js'));

const { values } = parseArgs({
  options: {
    suite: { type: 'string', multiple: true },
    folder: { type: 'string' },
    device: { type: 'string', default: 'cpu' },
    all: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const folder = values.folder ?? path.join(root, 'test', 'fixtures');
const suites = values.suite ?? [...QUICK_SUITES, ...(values.all ? SLOW_SUITES : [])];

/** @typedef {import('../lib/parity.js').ParityRow} Row */
/** @type {{ suite: string, rows: Row[] }[]} */
const results = [];
for (const suite of suites) {
  results.push({ suite, rows: await runParity(folder, suite, values.device) });
}
const failed = results.flatMap(({ suite, rows }) =>
  rows.filter((row) => !row.pass).map((row) => `${suite} ${row.name}`),
);

if (values.json) {
  console.log(JSON.stringify(results));
} else {
  const number = (/** @type {number} */ x) => (x === 0 ? '0' : x.toExponential(2));
  for (const { suite, rows } of results) {
    console.log(`${suite}: ${rows.filter((row) => row.pass).length} of ${rows.length} within tolerance`);
    const kinds = [...new Set(rows.map((row) => row.kind))];
    const shown = values.verbose
      ? rows
      : kinds.map((kind) =>
          rows
            .filter((row) => row.kind === kind)
            .reduce((a, b) => (b.maxDiff / b.tolerance > a.maxDiff / a.tolerance ? b : a)),
        );
    for (const row of shown) {
      const label = values.verbose ? row.name : `largest of ${row.kind}: ${row.name}`;
      console.log(
        `  ${row.pass ? 'ok  ' : 'FAIL'} ${label.padEnd(64)} ${number(row.maxDiff)}  (tolerance ${number(row.tolerance)})`,
      );
    }
  }
  console.log(failed.length === 0 ? 'All reference values hold.' : `Out of tolerance: ${failed.join(', ')}`);
}
process.exitCode = failed.length === 0 ? 0 : 1;
