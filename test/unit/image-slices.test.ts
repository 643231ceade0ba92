import t from 'tap';
import {
  type Axis,
  displayFlips,
  emptyMaskLike,
  putSlice,
  sliceSize,
  takeMaskSlice,
  takeSlice,
  type Volume,
} from '../../lib/image/index.js';

const SHAPE = [4, 3, 2] as const;
const AXES: readonly Axis[] = [0, 1, 2];

/** A volume whose voxel (i, j, k) of frame t holds i + 10 j + 100 k + 1000 t. */
function coded(frames = 1, more: Partial<Volume> = {}): Volume {
  const data = new Int16Array(24 * frames);
  for (let time = 0; time < frames; time++)
    for (let k = 0; k < 2; k++)
      for (let j = 0; j < 3; j++)
        for (let i = 0; i < 4; i++)
          data[i + 4 * (j + 3 * (k + 2 * time))] = i + 10 * j + 100 * k + 1000 * time;
  return {
    data,
    shape: SHAPE,
    frames,
    spacing: [0.5, 0.7, 3],
    affine: [-0.5, 0, 0, 0, 0, -0.7, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1],
    ...more,
  };
}

t.test('array order: the first axis left is x, the second y', (t) => {
  const volume = coded();
  const k1 = takeSlice(volume, 2, 1);
  t.match(k1, { width: 4, height: 3, channels: 1, spacing: [0.7, 0.5] });
  t.equal(k1.data[2 * 4 + 3], 3 + 20 + 100, 'pixel (x, y) = (3, 2) is voxel (3, 2, 1)');
  const j2 = takeSlice(volume, 1, 2);
  t.match(j2, { width: 4, height: 2, spacing: [3, 0.5] });
  t.equal(j2.data[1 * 4 + 3], 3 + 20 + 100, 'pixel (3, 1) is voxel (3, 2, 1)');
  const i3 = takeSlice(volume, 0, 3);
  t.match(i3, { width: 3, height: 2, spacing: [3, 0.7] });
  t.equal(i3.data[1 * 3 + 2], 3 + 20 + 100, 'pixel (2, 1) is voxel (3, 2, 1)');
  t.end();
});

t.test('frames and colours', (t) => {
  t.equal(takeSlice(coded(2), 2, 1, { frame: 1 }).data[0], 1100);
  const rgb = takeSlice(coded(6, { colour: true }), 2, 1, { frame: 1 });
  t.equal(rgb.channels, 3);
  t.same(Array.from(rgb.data.subarray(3, 6)), [3101, 4101, 5101], 'the second pixel');
  t.throws(() => takeSlice(coded(6, { colour: true }), 2, 1, { frame: 2 }), { code: 'ERR_INVALID_ARG' });
  t.end();
});

t.test('types', (t) => {
  for (const [given, want] of [
    [Uint8Array, Uint8Array],
    [Int8Array, Int16Array],
    [Uint16Array, Uint16Array],
    [Int16Array, Int16Array],
    [Int32Array, Float32Array],
    [Uint32Array, Float32Array],
    [Float32Array, Float32Array],
    [Float64Array, Float32Array],
  ] as const) {
    const { data } = takeSlice(coded(1, { data: new given(24).fill(5) }), 2, 0);
    t.equal(data.constructor, want, given.name);
    t.ok(data.every((v) => v === 5));
  }
  t.end();
});

t.test('putting back what was taken gives the volume again, on every axis', (t) => {
  const source = coded();
  for (const axis of AXES) {
    const target = emptyMaskLike(source, Uint16Array);
    for (let index = 0; index < SHAPE[axis]; index++)
      putSlice(target, axis, index, takeSlice(source, axis, index));
    t.same(Array.from(target.data), Array.from(source.data), `axis ${axis}`);
    t.same(sliceSize(SHAPE, axis), {
      width: takeSlice(source, axis, 0).width,
      height: takeSlice(source, axis, 0).height,
    });
  }
  t.end();
});

t.test('label by label', (t) => {
  const labels = { data: new Uint8Array(24), shape: SHAPE };
  for (let i = 0; i < 24; i++) labels.data[i] = (i + (i >> 2)) % 4;
  for (const axis of AXES) {
    const target = emptyMaskLike(labels);
    for (const label of [1, 2, 3])
      for (let index = 0; index < SHAPE[axis]; index++)
        putSlice(target, axis, index, takeMaskSlice(labels, axis, index, label), label);
    t.same(target.data, labels.data, `axis ${axis}`);
    const any = takeMaskSlice(labels, axis, 0);
    t.ok(
      any.data.every((v) => v === 0 || v === 1),
      'any label counts, as 0 and 1',
    );
    t.ok(any.data.includes(1));
  }
  t.end();
});

t.test('what does not exist', (t) => {
  t.throws(() => takeSlice(coded(), 2, 2), { code: 'ERR_INVALID_ARG', message: /slices 0 to 1/ });
  t.throws(() => takeSlice(coded(), 2, -1), { code: 'ERR_INVALID_ARG' });
  t.throws(() => takeSlice(coded(), 2, 0.5), { code: 'ERR_INVALID_ARG' });
  t.throws(() => takeSlice(coded(), 3 as Axis, 0), { code: 'ERR_INVALID_ARG' });
  t.throws(() => takeSlice(coded(), 2, 0, { frame: 1 }), { code: 'ERR_INVALID_ARG' });
  t.throws(() => putSlice(emptyMaskLike(coded()), 2, 0, { data: new Uint8Array(6), width: 3, height: 2 }), {
    code: 'ERR_SHAPE',
  });
  t.end();
});

t.test('mirroring for people', (t) => {
  // i towards the patient's left, j towards the back, k up: as scanners store axial slices.
  t.same(displayFlips(coded(), 2), { x: false, y: false });
  t.same(displayFlips(coded(), 1), { x: false, y: true }, 'head up');
  t.same(displayFlips(coded(), 0), { x: false, y: true }, 'front on the left');
  const ras = coded(1, { affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] });
  t.same(displayFlips(ras, 2), { x: true, y: true });
  t.end();
});
