/** Tiles, crops and mirrors: where a task looks, and how what it sees becomes one picture again. */
import t from 'tap';
import { preparePrompts } from '../../lib/prompts.js';
import { meanOf } from '../../lib/task/ask.js';
import { isColoured, resizeValues, squareMask, squarePicture, withChannels } from '../../lib/task/picture.js';
import { clicksIn, clicksOn } from '../../lib/task/place-prompts.js';
import { Blend, boxOf, cropRound, cut, targetBox, tilesOf, wholeOf } from '../../lib/task/region.js';
import { settle } from '../../lib/task/settle.js';
import { picture } from '../helpers/models.js';

t.test('tiles have one size, cover the picture and overlap', async (t) => {
  for (const [width, height] of [
    [100, 60],
    [57, 33],
    [4, 3],
  ] as const) {
    for (const across of [2, 4]) {
      const tiles = tilesOf({ width, height }, across);
      const seen = new Uint8Array(width * height);
      for (const tile of tiles) {
        t.equal(tile.width, tiles[0]!.width);
        t.equal(tile.height, tiles[0]!.height);
        t.ok(tile.x >= 0 && tile.x + tile.width <= width && tile.y >= 0 && tile.y + tile.height <= height);
        for (let y = tile.y; y < tile.y + tile.height; y++) {
          for (let x = tile.x; x < tile.x + tile.width; x++) seen[y * width + x]! += 1;
        }
      }
      t.ok(
        seen.every((count) => count >= 1),
        `${width} x ${height}, ${across} across`,
      );
      if (width > 50)
        t.ok(
          seen.some((count) => count > 1),
          'and overlap',
        );
    }
  }
  t.same(tilesOf({ width: 9, height: 7 }, 1), [{ x: 0, y: 0, width: 9, height: 7 }]);
});

t.test('tiles that agree with the whole make the whole', async (t) => {
  const [width, height] = [61, 47];
  const whole = Float32Array.from({ length: width * height }, (_, at) => ((at * 37) % 101) / 101);
  for (const across of [1, 2, 4]) {
    const blend = new Blend(width, height);
    for (const tile of tilesOf({ width, height }, across)) blend.add(cut(whole, width, 1, tile), tile);
    const largest = blend.mean().reduce((most, value, at) => Math.max(most, Math.abs(value - whole[at]!)), 0);
    t.ok(largest < 1e-6, `${across} across: ${largest}`);
  }
});

t.test('a crop is a square twice the box, inside the picture', async (t) => {
  const size = { width: 200, height: 150 };
  t.same(cropRound([90, 70, 110, 80], size), { x: 80, y: 55, width: 40, height: 40 });
  t.same(cropRound([0, 0, 30, 30], size), { x: 0, y: 0, width: 60, height: 60 }, 'shifted in');
  t.same(cropRound([100, 70, 102, 71], size), { x: 85, y: 55, width: 32, height: 32 }, 'never tiny');
  t.same(cropRound([0, 0, 200, 150], size), { x: 0, y: 0, width: 200, height: 150 }, 'never larger');
});

t.test('the box of a target leaves specks out', async (t) => {
  const [width, height] = [40, 30];
  const map = new Float32Array(width * height);
  const mark = (x0: number, y0: number, x1: number, y1: number): void => {
    for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) map[y * width + x] = 0.9;
  };
  t.equal(targetBox(map, width, height), null);
  mark(10, 5, 16, 11);
  map[29 * width + 39] = 0.8;
  t.same(targetBox(map, width, height), [10, 5, 16, 11]);
  mark(30, 20, 33, 24);
  t.same(targetBox(map, width, height), [10, 5, 33, 24], 'a second part of some size counts');
  t.same(
    boxOf(width, height, (at) => map[at]! > 0.5),
    [10, 5, 40, 30],
    'boxOf takes all',
  );
});

t.test('mirrored cuts come back, and channels stay together', async (t) => {
  const { data, width } = picture(7, 5, 3);
  const region = { x: 1, y: 2, width: 4, height: 3 };
  const once = cut(data, width, 3, region, true);
  t.same(cut(once, 4, 3, { ...region, x: 0, y: 0 }, true), cut(data, width, 3, region));
  t.same([...once.subarray(0, 3)], [...data.subarray((2 * 7 + 4) * 3, (2 * 7 + 4) * 3 + 3)]);
});

t.test('grey and colour', async (t) => {
  const grey = picture(6, 4, 1);
  const rgb = withChannels(grey, 3);
  t.equal(isColoured(rgb), false);
  t.same(withChannels(rgb, 1).data, grey.data, 'grey stored as RGB keeps its values');
  t.equal(isColoured(picture(6, 4, 3)), true);
  t.equal(withChannels(grey, 1), grey, 'nothing to do is nothing done');
});

t.test('square pixels and back', async (t) => {
  const image = { ...picture(10, 6, 1), spacing: [3, 1.5] as const };
  const square = squarePicture(image);
  t.match(square, { width: 10, height: 12, sourceWidth: 10, sourceHeight: 6 });
  const mask = new Uint8Array(60).fill(1, 20, 40);
  t.equal(
    squareMask(mask, square).reduce((sum, value) => sum + value, 0),
    40,
  );
  const ramp = Float32Array.from({ length: 120 }, (_, at) => Math.floor(at / 10));
  const back = resizeValues(ramp, 10, 12, 10, 6);
  t.same([...back.filter((_, at) => at % 10 === 0)], [0.5, 2.5, 4.5, 6.5, 8.5, 10.5]);
});

t.test('clicks follow the picture into its parts', async (t) => {
  const square = squarePicture({ ...picture(10, 6, 1), spacing: [3, 1.5] as const });
  const clicks = clicksOn(
    preparePrompts({
      points: [
        { x: 4, y: 2 },
        { x: 9, y: 5, label: 0 },
      ],
      box: [2, 1, 6, 4],
    }),
    square,
  );
  t.same(clicks, {
    points: [
      { x: 4, y: 4, label: 1 },
      { x: 9, y: 10, label: 0 },
    ],
    box: [2, 2, 6, 8],
  });
  const part = { x: 3, y: 3, width: 4, height: 4 };
  t.match(clicksIn(clicks, part, false), {
    rows: 1,
    pointsPerRow: 1,
    points: Float32Array.from([1, 1]),
    boxes: Float32Array.from([0, 0, 3, 4]),
  });
  t.match(clicksIn(clicks, part, true), {
    points: Float32Array.from([3, 1]),
    boxes: Float32Array.from([1, 0, 4, 4]),
  });
  t.equal(clicksIn({ points: [], box: null }, part, false), null);
  t.equal(clicksIn(clicks, { x: 0, y: 0, width: 2, height: 2 }, false), null, 'nothing there');
  t.same(clicksIn(clicks, wholeOf(square), false)?.pointsPerRow, 2);
});

t.test('labels are weighed by probability', async (t) => {
  const [a, b] = [
    Float32Array.from([0.9, 0.6, 0.2, 0.5, 0.49]),
    Float32Array.from([0.8, 0.7, 0.3, 0.5, 0.6]),
  ];
  t.same([...settle([a, b], [3, 7])], [3, 7, 0, 3, 7]);
  t.same([...settle([], [])], []);
});

t.test('the spread of several answers counts what is within and between them', async (t) => {
  const one = { probability: Float32Array.from([0.2, 1]), spread: Float32Array.from([0.3, 0]) };
  const other = { probability: Float32Array.from([0.6, 1]), spread: Float32Array.from([0.1, 0]) };
  const { probability, spread } = meanOf([one, other], true);
  t.ok(Math.abs(probability[0]! - 0.4) < 1e-6);
  t.ok(Math.abs(spread![0]! - Math.sqrt((0.09 + 0.01) / 2 + 0.04)) < 1e-6);
  t.equal(spread![1], 0);
  t.equal(meanOf([one, other], false).spread, null);
});
