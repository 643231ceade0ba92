import t from 'tap';
import { chooseSlices, profileLabels } from '../../lib/dataset/slicing.js';
import { toSquarePixels } from '../../lib/dataset/square-pixels.js';
import { fill, type Shape3 } from '../helpers/tiny-dataset.js';

const shape: Shape3 = [12, 10, 9];

/** Label 1: a box, j 2..7, k 1..6; label 2: a thin plate at k = 7 with a gap nowhere; label 3: one voxel. */
const labels = Uint8Array.from(
  fill(shape, (i, j, k) => {
    if (i === 0 && j === 0 && k === 0) return 3;
    if (k === 7 && i >= 1 && i <= 4 && j >= 1 && j <= 4) return 2;
    return i >= 3 && i <= 8 && j >= 2 && j <= 7 && k >= 1 && k <= 6 ? 1 : 0;
  }),
);

t.test('the profile counts every voxel once on each axis', async (t) => {
  const profile = profileLabels(labels, shape);
  t.same([...profile.keys()], [1, 2, 3]);
  for (const areas of profile.get(1) ?? [])
    t.equal(
      areas.reduce((a, b) => a + b, 0),
      6 * 6 * 6,
    );
  t.same([...(profile.get(2)?.[2] ?? [])], [0, 0, 0, 0, 0, 0, 0, 16, 0]);
  t.throws(() => profileLabels(labels, [12, 10, 8]), { code: 'ERR_SHAPE' });
});

t.test('mid-object: the middle of each label on each axis, small labels left out', async (t) => {
  const chosen = chooseSlices(profileLabels(labels, shape), shape, { minArea: 4 });
  t.same(
    chosen.map(({ axis, index }) => [axis, index]),
    [
      [0, 2],
      [0, 5],
      [1, 2],
      [1, 4],
      [2, 3],
      [2, 7],
    ],
  );
  t.same([...(chosen[5]?.labels ?? [])], [[2, 16]]);
  t.same(
    [...(chosen[2]?.labels ?? [])],
    [
      [1, 36],
      [2, 4],
    ],
    'other labels on the slice count as well',
  );
});

t.test('mid-object takes the nearest slice that shows a label with a gap', async (t) => {
  const gap = Uint8Array.from(fill([4, 4, 9], (_i, _j, k) => (k === 1 || k === 6 || k === 8 ? 1 : 0)));
  const chosen = chooseSlices(profileLabels(gap, [4, 4, 9]), [4, 4, 9], { axes: [2] });
  t.same(
    chosen.map(({ index }) => index),
    [6],
    'the extent is 1..8, its middle 4 is empty, 6 is nearest',
  );
});

t.test('mid-volume, max-area and all', async (t) => {
  const profile = profileLabels(labels, shape);
  t.same(
    chooseSlices(profile, shape, { policy: 'mid-volume', axes: [2] }).map(({ index }) => index),
    [4],
  );
  t.same(
    chooseSlices(profile, shape, { policy: 'max-area', axes: [2], minArea: 4 }).map(({ index }) => index),
    [1, 7],
  );
  t.same(
    chooseSlices(profile, shape, { policy: 'all', axes: [2], minArea: 17 }).map(({ index }) => index),
    [1, 2, 3, 4, 5, 6],
  );
  t.same(
    chooseSlices(profile, shape, { policy: 'all', axes: [2], minArea: 1, ignoreLabel: 1 }).map(
      ({ index }) => index,
    ),
    [0, 7],
  );
});

t.test('a flat volume is cut along its flat axis only', async (t) => {
  const flat = Uint8Array.from(fill([6, 6, 1], () => 1));
  t.same(
    chooseSlices(profileLabels(flat, [6, 6, 1]), [6, 6, 1], { axes: [0, 1] }).map(({ axis, index }) => [
      axis,
      index,
    ]),
    [[2, 0]],
  );
});

t.test('wrong options are refused', async (t) => {
  const profile = profileLabels(labels, shape);
  t.throws(() => chooseSlices(profile, shape, { policy: 'first' as never }), { code: 'ERR_INVALID_ARG' });
  t.throws(() => chooseSlices(profile, shape, { axes: [3 as never] }), { code: 'ERR_INVALID_ARG' });
  t.throws(() => chooseSlices(profile, shape, { minArea: 0 }), { code: 'ERR_INVALID_ARG' });
});

t.test('square pixels: the finer spacing wins, labels stay labels, a ramp stays a ramp', async (t) => {
  const image = Uint8Array.from({ length: 4 * 8 }, (_, at) => Math.floor(at / 8) * 60);
  const mask = Uint8Array.from({ length: 4 * 8 }, (_, at) => (Math.floor(at / 8) >= 2 ? 5 : 0));
  const square = toSquarePixels({ height: 4, width: 8, channels: 1, spacing: [3, 1], image, mask });
  t.same([square.height, square.width, square.spacing], [12, 8, [1, 1]]);
  const column = Array.from({ length: 12 }, (_, row) => square.image[row * 8 + 3]);
  t.same(column, [0, 0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 180]);
  t.equal(square.mask.filter((value) => value === 5).length, 6 * 8);
  t.same(new Set(square.mask), new Set([0, 5]));
  const same = { height: 4, width: 8, channels: 1 as const, spacing: [1, 1.005] as const, image, mask };
  t.equal(toSquarePixels(same), same);
  const unknown = { ...same, spacing: null };
  t.equal(toSquarePixels(unknown), unknown);
});
