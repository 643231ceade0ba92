import t from 'tap';
import { tightBox } from '../../lib/dataset/prompts-from-mask.js';
import { ScoreTable } from '../../lib/dataset/score-table.js';
import { distribution, overlap } from '../../lib/metrics.js';
import { Random } from '../../lib/statistics/random.js';
import { drawShapes, SHAPE_LABELS } from '../helpers/shapes.js';

/** A mask from a picture in text. */
function mask(...rows: string[]): { data: Uint8Array; width: number; height: number } {
  const width = rows[0]?.length ?? 0;
  return {
    data: Uint8Array.from(rows.join(''), (mark) => (mark === '.' ? 0 : Number(mark))),
    width,
    height: rows.length,
  };
}

t.test('overlap: reference values, empty masks, J = D / (2 - D)', async (t) => {
  const truth = new Uint8Array(64);
  const prediction = new Uint8Array(64);
  for (let row = 2; row < 5; row++) for (let column = 2; column < 5; column++) truth[row * 8 + column] = 1;
  for (let row = 3; row < 6; row++)
    for (let column = 2; column < 5; column++) prediction[row * 8 + column] = 255;
  const { dice, jaccard } = overlap(prediction, truth);
  t.ok(Math.abs(dice - 2 / 3) < 1e-12);
  t.ok(Math.abs(jaccard - 0.5) < 1e-12);
  const random = new Random(1);
  for (let at = 0; at < 20; at++) {
    const one = Uint8Array.from({ length: 50 }, () => random.below(2));
    const other = Uint8Array.from({ length: 50 }, () => random.below(2));
    const score = overlap(one, other);
    t.ok(Math.abs(score.jaccard - score.dice / (2 - score.dice)) < 1e-12);
    t.equal(overlap(other, one).dice, score.dice);
  }
  t.equal(overlap([0, 0], [0, 1]).dice, 0);
  t.ok(Number.isNaN(overlap([0, 0], [0, 0]).dice));
  t.throws(() => overlap([1], [1, 0]), { code: 'ERR_SHAPE' });
});

t.test('distribution leaves NaN out and counts it', async (t) => {
  t.same(distribution([3, 1, Number.NaN, 2, 4]), {
    n: 4,
    nan: 1,
    mean: 2.5,
    median: 2.5,
    std: Math.sqrt(5 / 3),
    min: 1,
    max: 4,
  });
  t.equal(distribution([7]).std, 0);
  t.ok(Number.isNaN(distribution([]).mean));
});

t.test('a table of scores', async (t) => {
  const table = new ScoreTable();
  table.add('ring', 'box', 0.5);
  table.add('ring', 'box', 0.7);
  table.add('blob', 'box', 0.9);
  table.add('blob', 'click', 0.1);
  t.match(table.markdown('shape').split('\n'), [
    /^\| shape +\| box: mean +\| median \| +std \| +n \| click: mean/,
    /^\|-+\|-+:\|/,
    /^\| ring +\| +0\.600 \| +0\.600 \| 0\.141 \| 2 \|/,
    /^\| blob .* 0\.100 /,
    /^\| all +\| +0\.700 \| +0\.700 \| 0\.200 \| 3 \|/,
  ]);
});

t.test('boxes from masks', async (t) => {
  const picture = mask('.......', '.111.2.', '.1111..', '.111...', '.......');
  t.same(tightBox(picture, 1), [1, 1, 4, 3]);
  t.same(tightBox(picture, 2), [4.5, 0.5, 5.5, 1.5], 'a single pixel still has a box');
  t.equal(tightBox(picture, 3), null);
});

t.test('shapes are seeded, labelled and visible', async (t) => {
  const draw = (seed: number) =>
    Array.from(
      { length: 12 },
      (
        (random) => () =>
          drawShapes(random)
      )(new Random(seed)),
    );
  const scenes = draw(1);
  const bytes = (list: typeof scenes) =>
    Buffer.concat(list.flatMap(({ image, mask: drawn }) => [image, drawn]));
  t.ok(bytes(draw(1)).equals(bytes(scenes)));
  t.notOk(bytes(draw(2)).equals(bytes(scenes)));
  const seen = new Set<number>();
  for (const { image, mask: drawn, labels, size } of scenes) {
    t.equal(image.length, size * size);
    t.ok(labels.size >= 1);
    for (const [value, pixels] of labels) {
      seen.add(value);
      t.ok(SHAPE_LABELS.has(value));
      t.equal(drawn.filter((one) => one === value).length, pixels);
      t.ok(pixels > 60, `${SHAPE_LABELS.get(value)} of ${pixels} pixels`);
    }
  }
  t.same([...seen].sort(), [1, 2, 3]);
  const ring = scenes.find(({ labels }) => labels.has(3));
  const box = tightBox({ data: ring?.mask ?? [], width: 128, height: 128 }, 3) ?? [0, 0, 0, 0];
  const middle = Math.round((box[1] + box[3]) / 2) * 128 + Math.round((box[0] + box[2]) / 2);
  t.equal(ring?.mask[middle], 0, 'a ring has a hole');
});
