import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { GLYPH_WIDTH, glyphRows } from '../../lib/image/bitmap-font.js';
import { contactSheet, type Image2D, readImage, renderOverlay, writeOverlay } from '../../lib/image/index.js';

const image: Image2D = { data: new Uint8Array(40 * 20).fill(100), width: 40, height: 20, channels: 1 };
const mask = { data: new Uint8Array(40 * 20), width: 40, height: 20 };
for (let y = 5; y < 15; y++) for (let x = 10; x < 20; x++) mask.data[y * 40 + x] = 1;

function pixel(picture: { data: ArrayLike<number>; width: number }, x: number, y: number): number[] {
  return [0, 1, 2].map((c) => picture.data[(y * picture.width + x) * 3 + c]!);
}

t.test('the mask is where it belongs, and the rest as it was', async (t) => {
  const picture = await renderOverlay({ image, mask, minSize: 40 });
  t.equal(picture.width, 40);
  t.ok(picture.height > 20, 'the legend stands below');
  t.same(pixel(picture, 5, 5), [100, 100, 100]);
  t.same(pixel(picture, 10, 5), [86, 180, 233], 'outline');
  t.same(pixel(picture, 9, 5), [100, 100, 100], 'the outline lies inside');
  t.same(pixel(picture, 15, 10), [95, 128, 147], 'area: 35 % of the colour');
  const flipped = await renderOverlay({ image, mask, minSize: 40, flip: { x: true, y: false } });
  t.same(pixel(flipped, 29, 5), [86, 180, 233]);
  t.same(pixel(flipped, 15, 10), [100, 100, 100]);
});

t.test('small images are enlarged, large ones reduced, pixels square in millimetres', async (t) => {
  const size = async (options: object) => {
    const { width, height } = await renderOverlay({ image, ...options });
    return [width, height];
  };
  t.same(await size({}), [520, 260], 'a whole factor near 512');
  t.same(await size({ minSize: 10, maxSize: 20 }), [20, 10]);
  t.same(await size({ image: { ...image, spacing: [4, 1] }, minSize: 80 }), [40, 80]);
  const beside = await renderOverlay({ image, mask, panels: 'side-by-side', minSize: 40 });
  t.equal(beside.width, 88);
  t.same(pixel(beside, 15, 10), [100, 100, 100], 'the left panel is bare');
  t.same(pixel(beside, 48 + 15, 10), [95, 128, 147]);
});

t.test('prompts, truth and several labels', async (t) => {
  const base = { image, minSize: 400 };
  const plain = await renderOverlay(base);
  const points = await renderOverlay({ ...base, points: [{ x: 20, y: 10, label: 1 }] });
  const negative = await renderOverlay({ ...base, points: [{ x: 20, y: 10, label: 0 }] });
  t.same(pixel(points, 205, 105), [255, 255, 255], 'the cross stands at the middle of the pixel');
  t.same(pixel(points, 205, 102), [255, 255, 255], 'plus');
  t.same(pixel(negative, 205, 102), [213, 94, 0], 'minus');
  t.same(pixel(points, 100, 100), pixel(plain, 100, 100));
  const box = await renderOverlay({ ...base, boxes: [[5, 5, 30, 15]] });
  t.same(pixel(box, 55, 55), [255, 255, 255]);
  const truth = await renderOverlay({ ...base, truth: mask });
  t.same(pixel(truth, 100, 60), [240, 228, 66]);
  t.same(pixel(truth, 150, 100), [100, 100, 100], 'the truth is an outline');
  const two = { ...mask, data: mask.data.map((v, i) => (v === 1 && i % 40 >= 15 ? 2 : v)) };
  const labels = await renderOverlay({ ...base, mask: two, opacity: 1 });
  t.same(pixel(labels, 120, 100), [86, 180, 233]);
  t.same(pixel(labels, 180, 100), [230, 159, 0]);
  await t.rejects(renderOverlay({ image, mask: { ...mask, width: 20, height: 40 } }), { code: 'ERR_SHAPE' });
});

t.test('files', async (t) => {
  const dir = t.testdir();
  await writeOverlay(join(dir, 'one.png'), { image, mask, caption: 'slice 3, Dice 0.91' });
  const one = await readImage(join(dir, 'one.png'));
  t.equal(one.channels, 3);
  t.equal(one.width, 520);
  await contactSheet(
    join(dir, 'sheet.png'),
    [1, 2, 3, 4, 5].map((n) => ({ image, mask, caption: `${n}` })),
    {
      columns: 3,
      title: 'five',
      cellSize: 100,
    },
  );
  const sheet = await readImage(join(dir, 'sheet.png'));
  t.equal(sheet.width, 3 * 110 + 10);
  t.ok(sheet.height > 2 * 60);
  await t.rejects(contactSheet(join(dir, 'x.png'), []), { code: 'ERR_INVALID_ARG' });
  await t.rejects(contactSheet(join(dir, 'x.png'), [{ image }], { columns: 0 }), { code: 'ERR_INVALID_ARG' });
  await t.rejects(writeOverlay(join(dir, 'x.jpg'), { image }), { code: 'ERR_INVALID_ARG', message: /\.png/ });
  t.same(await readdir(dir), ['one.png', 'sheet.png']);
});

t.test('the alphabet is complete and unambiguous', (t) => {
  const seen = new Map<string, string>();
  for (let code = 33; code < 127; code++) {
    const character = String.fromCharCode(code);
    const rows = glyphRows(character);
    t.equal(rows.length, 7);
    t.ok(
      rows.every((row) => row >= 0 && row < 2 ** GLYPH_WIDTH),
      character,
    );
    const shape = rows.join();
    t.notOk(seen.has(shape), `${character} differs from ${seen.get(shape)}`);
    seen.set(shape, character);
  }
  t.same(glyphRows('é'), glyphRows('e'));
  t.same(glyphRows('µ'), glyphRows('?'));
  t.end();
});
