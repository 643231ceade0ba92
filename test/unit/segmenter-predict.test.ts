/** Segmenter with the small reference weights: the ways to ask lead to the same answers. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { encode as encodePng } from 'fast-png';
import t, { type Test } from 'tap';
import type { LoadOptions } from '../../lib/load-options.js';
import { type Prediction, Segmenter } from '../../lib/segmenter.js';
import { alike, unlike } from '../helpers/alike.js';
import { picture, TINY, TINY_WEIGHTS } from '../helpers/models.js';

const PROMPTS = { points: [{ x: 20, y: 15 }], box: [5, 6, 40, 33] } as const;

async function load(
  t: Test,
  options: LoadOptions = { checkpoint: TINY_WEIGHTS, config: TINY },
): Promise<Segmenter> {
  const segmenter = await Segmenter.load({ device: 'cpu', threads: 1, ...options });
  t.teardown(() => segmenter.close());
  return segmenter;
}

t.test('info', async (t) => {
  const { info } = await load(t);
  t.match(info, {
    variant: String,
    imageSize: 128,
    gridSize: 8,
    lowResSize: 32,
    parameters: 307596,
    device: 'cpu',
    dtype: 'float32',
    adapter: null,
    checkpoint: { path: TINY_WEIGHTS, format: 'safetensors' },
    config: { embed_dim: 64, depth: 4 },
  });
  t.equal(Object.isFrozen(info), true);
});

t.test('shapes, and what is wanted only', async (t) => {
  const segmenter = await load(t);
  const plain = await segmenter.predict(picture(), PROMPTS);
  t.same(Object.keys(plain).sort(), ['count', 'height', 'masks', 'scores', 'stability', 'width']);
  t.match(plain, { count: 1, width: 48, height: 40 });
  t.equal(plain.masks.length, 48 * 40);

  const full = await segmenter.predict(picture(), PROMPTS, {
    multimask: true,
    returnLogits: true,
    returnLowRes: true,
  });
  t.equal(full.count, 3);
  t.equal(full.masks.length, 3 * 48 * 40);
  t.equal(full.scores.length, 3);
  t.equal(full.stability.length, 3);
  t.equal(full.lowRes?.length, 3 * 32 * 32);
  t.same(
    full.masks,
    Uint8Array.from(full.logits!, (logit) => Number(logit > 0)),
    'masks are the logits above 0',
  );
  t.ok(full.stability.every((value) => value >= 0 && value <= 1));
  t.ok(full.scores.every(Number.isFinite));
});

t.test('an image, its path, its URL and its embedding give the same', async (t) => {
  const segmenter = await load(t);
  const image = picture();
  const file = join(t.testdir(), 'picture.png');
  writeFileSync(file, encodePng(image));
  const expected = await segmenter.predict(image, PROMPTS);
  alike(t, await segmenter.predict(file, PROMPTS), expected);
  alike(t, await segmenter.predict(pathToFileURL(file), PROMPTS), expected);
  const embedding = await segmenter.encode(file);
  t.match(embedding, { width: 48, height: 40, shape: [1, 32, 8, 8] });
  t.equal(embedding.toArray().length, 32 * 8 * 8);
  alike(t, await segmenter.predict(embedding, PROMPTS), expected);
  alike(t, await segmenter.predict(embedding, PROMPTS), expected, 'as often as one likes');
  embedding.close();
});

t.test('a grey image is three equal channels', async (t) => {
  const segmenter = await load(t);
  const grey = picture(48, 40, 1);
  const colour = {
    ...grey,
    channels: 3 as const,
    data: Uint8Array.from(Array.from(grey.data).flatMap((value) => [value, value, value])),
  };
  alike(t, await segmenter.predict(grey, PROMPTS), await segmenter.predict(colour, PROMPTS));
});

t.test('16-bit images go through the window', async (t) => {
  const segmenter = await load(t);
  const grey = picture(48, 40, 1);
  const deep = { ...grey, data: Int16Array.from(grey.data, (value) => value * 10 - 1000) };
  const expected = await segmenter.predict(grey, PROMPTS);
  alike(t, await segmenter.predict(deep, PROMPTS, { window: [-1000, 1550] }), expected);
});

t.test('several boxes are as many predictions', async (t) => {
  const segmenter = await load(t);
  const embedding = await segmenter.encode(picture());
  const boxes = [
    [5, 6, 40, 33],
    [0, 0, 20, 20],
    [10, 3, 30, 39],
  ] as const;
  const together = await segmenter.predict(embedding, { boxes }, { returnLogits: true });
  t.equal(together.count, 3);
  const pixels = 48 * 40;
  for (const [row, box] of boxes.entries()) {
    const alone = await segmenter.predict(embedding, { box }, { returnLogits: true });
    const logits = together.logits!.subarray(row * pixels, (row + 1) * pixels);
    const largest = Math.max(...alone.logits!.map((value, index) => Math.abs(value - logits[index]!)));
    t.ok(largest < 1e-3, `row ${row}: ${largest}`);
  }
});

t.test('an answer’s low-resolution logits and a binary mask are prompts', async (t) => {
  const segmenter = await load(t);
  const embedding = await segmenter.encode(picture());
  const first = await segmenter.predict(embedding, PROMPTS, { returnLowRes: true, returnLogits: true });
  const options = { returnLogits: true };
  const refined = await segmenter.predict(embedding, { ...PROMPTS, mask: first.lowRes! }, options);
  unlike(t, refined.logits, first.logits);
  const binary = new Uint8Array(48 * 40).fill(1, 500, 900);
  unlike(t, (await segmenter.predict(embedding, { ...PROMPTS, mask: binary }, options)).logits, first.logits);
});

t.test('questions in any order, to one image or to several, have the same answers', async (t) => {
  const segmenter = await load(t);
  const [a, b] = [await segmenter.encode(picture()), await segmenter.encode(picture(40, 48))];
  const mask = new Uint8Array(48 * 40).fill(1, 300, 900);
  const questions = [
    [a, PROMPTS],
    [b, PROMPTS],
    [a, { ...PROMPTS, mask }],
    [a, { boxes: [PROMPTS.box, [1, 2, 20, 30]] }],
    [b, {}],
  ] as const;
  const ask = async ([image, prompts]: (typeof questions)[number], of = segmenter): Promise<Prediction> =>
    await of.predict(image, prompts, { returnLowRes: true });
  const first = [];
  for (const question of questions) first.push(await ask(question));
  const again = [];
  for (const question of [...questions].reverse()) again.unshift(await ask(question));
  t.same(again, first);
  // Asked of one who knows nothing of the other image, or of the question before.
  for (const [at, [image, prompts]] of questions.entries()) {
    const fresh = await load(t);
    const own = await fresh.encode(image === a ? picture() : picture(40, 48));
    t.same(await ask([own, prompts] as never, fresh), first[at], `question ${at}`);
  }
});

t.test('no prompt at all is a question too', async (t) => {
  t.match(await (await load(t)).predict(picture()), { count: 1 });
});

t.test('points: one more changes the answer, and labels count', async (t) => {
  const segmenter = await load(t);
  const embedding = await segmenter.encode(picture());
  const ask = async (points: { x: number; y: number; label?: 0 | 1 }[]) =>
    (await segmenter.predict(embedding, { points }, { returnLogits: true })).logits;
  const one = await ask([{ x: 20, y: 15 }]);
  alike(t, await ask([{ x: 20, y: 15, label: 1 }]), one, 'label 1 is the default');
  unlike(t, await ask([{ x: 20, y: 15, label: 0 }]), one);
  t.notSame(
    await ask([
      { x: 20, y: 15 },
      { x: 3, y: 3, label: 0 },
    ]),
    one,
  );
});

t.test('random weights follow the seed', async (t) => {
  const answer = async (seed: number): Promise<Prediction> =>
    (await load(t, { config: TINY, seed })).predict(picture(), PROMPTS, { returnLogits: true });
  const first = await answer(1);
  alike(t, await answer(1), first);
  unlike(t, (await answer(2)).logits, first.logits);
});

t.test('what save writes, load reads', async (t) => {
  const segmenter = await load(t);
  const expected = await segmenter.predict(picture(), PROMPTS, { returnLogits: true });
  const file = join(t.testdir(), 'saved.safetensors');
  await segmenter.save(file);
  t.ok(statSync(file).size > 307596 * 4);
  const again = await load(t, { checkpoint: file });
  t.same(again.info.config, segmenter.info.config, 'the file tells the config');
  alike(t, await again.predict(picture(), PROMPTS, { returnLogits: true }), expected);

  const controller = new AbortController();
  controller.abort();
  const other = join(t.testdir(), 'other.safetensors');
  await t.rejects(segmenter.save(other, { signal: controller.signal }), { name: 'AbortError' });
  t.equal(existsSync(other), false);
  await t.rejects(segmenter.save(other, { what: 'adapter' }), {
    code: 'ERR_INVALID_ARG',
    message: /adapter/,
  });
  await t.rejects(segmenter.save('/there/is/no/folder/x.safetensors'), {
    code: 'ERR_IO',
    message: /\/there\/is\/no/,
  });
});

t.test('a checkpoint that is none', async (t) => {
  const file = join(t.testdir(), 'x.safetensors');
  writeFileSync(file, 'no tensors');
  await t.rejects(Segmenter.load({ checkpoint: file }), {
    code: 'ERR_CHECKPOINT_FORMAT',
    message: /x\.safetensors/,
  });
  const config = { ...TINY, depth: 5 };
  await t.rejects(Segmenter.load({ checkpoint: TINY_WEIGHTS, config, device: 'cpu' }), {
    code: 'ERR_CHECKPOINT_MISMATCH',
    message: /blocks\.4/,
  });
  t.ok(readFileSync(TINY_WEIGHTS).length > 0);
});

t.test('a device that is not there', async (t) => {
  await t.rejects(Segmenter.load({ config: TINY, device: 'cuda:99' }), { code: 'ERR_DEVICE_UNAVAILABLE' });
});

for (const preprocessing of ['sam', 'centred'] as const)
  t.test(
    `masks and stability are those of the logits, whatever the picture measures: ${preprocessing}`,
    async (t) => {
      const config = { ...TINY, preprocessing };
      const segmenter = await Segmenter.load({ checkpoint: TINY_WEIGHTS, config, device: 'cpu' });
      t.teardown(() => segmenter.close());
      t.equal(segmenter.info.preprocessing, preprocessing);
      for (const [width, height] of [
        [128, 128],
        [48, 40],
        [300, 200],
        [17, 90],
        [200, 3],
      ] as const) {
        // More than are decoded together.
        const boxes = Array.from(
          { length: 11 },
          (_, at) => [0, 0, (width * (at + 1)) / 12, height / 2] as const,
        );
        const prompts = { boxes };
        const embedding = await segmenter.encode(picture(width, height));
        const plain = await segmenter.predict(embedding, prompts, { multimask: true });
        const { logits, ...full } = await segmenter.predict(embedding, prompts, {
          multimask: true,
          returnLogits: true,
        });
        // Rounding may turn what lies within it of the threshold.
        const turned = plain.masks.filter(
          (value, at) => value !== full.masks[at] && Math.abs(logits![at]!) > 1e-4,
        );
        t.equal(turned.length, 0, `${width} x ${height}: masks`);
        t.same(plain.scores, full.scores);
        const pixels = width * height;
        const apart = plain.stability.map((value, at) => Math.abs(value - full.stability[at]!));
        t.ok(Math.max(...apart) < 2 / pixels + 1e-3, `${width} x ${height}: stability`);
        embedding.close();
      }
    },
  );
