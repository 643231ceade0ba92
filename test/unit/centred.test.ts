/** Pictures in the middle of the encoder's input: the same as a square picture that was padded by hand. */
import t from 'tap';
import { Segmenter } from '../../lib/segmenter.js';
import { picture, TINY } from '../helpers/models.js';

/** What padding is after normalisation: ImageNet's mean. Rounded to grey levels it shows a little. */
const PADDING = [124, 116, 104];

function correlation(a: Float32Array, b: Float32Array): number {
  const mean = (x: Float32Array): number => x.reduce((sum, value) => sum + value, 0) / x.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i]! - ma) * (b[i]! - mb);
    aa += (a[i]! - ma) ** 2;
    bb += (b[i]! - mb) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

t.test('prompts, masks and embeddings lie where the picture lies', async (t) => {
  const side = TINY.image_size as number;
  const segmenter = await Segmenter.load({ config: { ...TINY, preprocessing: 'centred' }, device: 'cpu' });
  t.teardown(() => segmenter.close());
  t.equal(segmenter.info.preprocessing, 'centred');
  for (const [width, height] of [
    [side, (side * 3) / 4],
    [side / 2, side],
  ] as const) {
    const own = picture(width, height);
    const [left, top] = [(side - width) / 2, (side - height) / 2];
    const data = new Uint8Array(3 * side * side).map((_, i) => PADDING[i % 3]!);
    for (let y = 0; y < height; y++) {
      const row = own.data.subarray(3 * y * width, 3 * (y + 1) * width);
      data.set(row, 3 * ((y + top) * side + left));
    }
    const square = { data, width: side, height: side, channels: 3 as const };
    const box = [10, 12, 40, 50] as const;
    const mask = new Uint8Array(width * height).map((_, i) =>
      Number(i % width > 20 && i % width < 50 && i > 9 * width && i < 30 * width),
    );
    const large = new Uint8Array(side * side);
    for (let y = 0; y < height; y++)
      large.set(mask.subarray(y * width, (y + 1) * width), (y + top) * side + left);
    const wanted = { returnLogits: true, returnLowRes: true };
    const a = await segmenter.predict(
      own,
      { box: [...box], points: [{ x: 30, y: 20, label: 1 }], mask },
      wanted,
    );
    const b = await segmenter.predict(
      square,
      {
        box: [box[0] + left, box[1] + top, box[2] + left, box[3] + top],
        points: [{ x: 30 + left, y: 20 + top, label: 1 }],
        mask: large,
      },
      wanted,
    );
    t.ok(correlation(a.lowRes!, b.lowRes!) > 0.97, `${width} x ${height}: low resolution`);
    const cut = new Float32Array(width * height).map(
      (_, i) => b.logits![(Math.floor(i / width) + top) * side + (i % width) + left]!,
    );
    const found = correlation(a.logits!, cut);
    t.ok(found > 0.97, `${width} x ${height}: logits of the picture's pixels, ${found}`);
    const shifted = cut.map((_, i) => cut[(i + 8) % cut.length]!);
    t.ok(correlation(a.logits!, shifted) < found - 0.03, 'eight pixels off is seen');
  }
});
