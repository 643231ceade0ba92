// What scoring a pair of masks costs: time of evaluate() and of the distance transform, with SciPy's beside it.
//   node scripts/bench-metrics.mjs [--size 512,512,128] [--spacing 0.8,0.8,2.5] [--runs 3] [--python python3] [--json]
// Two ellipsoids that fill most of the volume, one of them moved by a few voxels. The best of the runs counts.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '512,512,128' },
    spacing: { type: 'string', default: '0.8,0.8,2.5' },
    runs: { type: 'string', default: '3' },
    python: { type: 'string', default: process.env.GMISEG_TEST_PYTHON ?? 'python3' },
    json: { type: 'boolean', default: false },
  },
});
const shape = values.size.split(',').map(Number);
const spacing = values.spacing.split(',').map(Number);
const runs = Number(values.runs);

const dist = (/** @type {string} */ file) => import(new URL(`../dist/${file}`, import.meta.url).href);
const { evaluate } = await dist('evaluate.js');
const { distanceTransform } = await dist('distance-transform.js');
const { runtimeInfo } = await dist('inspect.js');

/**
 * Row by row: the ellipsoid with 0.4 of the sides as half-axes.
 * @param {number} shift voxels along each axis
 */
function ellipsoid(shift) {
  const [nx = 1, ny = 1, nz = 1] = shape;
  const data = new Uint8Array(nx * ny * nz);
  for (let row = 0; row < ny * nz; row++) {
    const y = (row % ny) + 0.5 - ny / 2 - shift;
    const z = Math.floor(row / ny) + 0.5 - nz / 2 - shift;
    const rest = 1 - (y / (0.4 * ny)) ** 2 - (z / (0.4 * nz)) ** 2;
    if (rest <= 0) continue;
    const half = 0.4 * nx * Math.sqrt(rest);
    const middle = nx / 2 + shift;
    data.fill(1, row * nx + Math.ceil(middle - half), row * nx + Math.floor(middle + half));
  }
  return data;
}

/** @param {() => Promise<unknown>} work */
async function best(work) {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    await work();
    least = Math.min(least, performance.now() - start);
  }
  return least / 1000;
}

const SCIPY = `
import json, sys, time
import numpy as np
from scipy import ndimage
shape, spacing, runs = json.loads(sys.argv[1])
mask = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(shape[::-1])
times = []
for _ in range(runs):
    start = time.perf_counter()
    ndimage.distance_transform_edt(mask == 0, sampling=spacing[::-1])
    times.append(time.perf_counter() - start)
print(min(times))
`;

const [prediction, truth] = [ellipsoid(2), ellipsoid(0)];
const seconds = {
  evaluate: await best(() => evaluate({ data: prediction, shape }, { data: truth, shape }, { spacing })),
  distanceTransform: await best(() => distanceTransform(truth, shape, { spacing })),
  scipyDistanceTransform: /** @type {number | null} */ (null),
};
const python = spawnSync(values.python, ['-c', SCIPY, JSON.stringify([shape, spacing, runs])], {
  input: truth,
  encoding: 'utf8',
});
if (python.status === 0) seconds.scipyDistanceTransform = Number(python.stdout);

if (values.json)
  console.log(JSON.stringify({ shape, spacing, runs, threads: runtimeInfo().threads, seconds }));
else {
  const line = (/** @type {string} */ name, /** @type {number | null} */ value) =>
    console.log(`${name.padEnd(34)} ${value === null ? 'no SciPy here' : `${value.toFixed(2)} s`}`);
  console.log(
    `${shape.join(' x ')} voxels, ${runtimeInfo().threads} threads, ${availableParallelism()} cores, best of ${runs}`,
  );
  line('evaluate(), all metrics', seconds.evaluate);
  line('distance transform', seconds.distanceTransform);
  line("SciPy's distance transform", seconds.scipyDistanceTransform);
}
