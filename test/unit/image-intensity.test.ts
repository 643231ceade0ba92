import t from 'tap';
import {
  CT_WINDOWS,
  type Image2D,
  percentileRange,
  toUint8,
  type Volume,
  windowRange,
} from '../../lib/image/index.js';

function image(data: Image2D['data']): Image2D {
  return { data, width: data.length, height: 1, channels: 1, spacing: [2, 3] };
}

t.test('8-bit pictures pass unchanged', (t) => {
  const data = new Uint8Array([0, 3, 7]);
  const out = toUint8(image(data));
  t.equal(out.data, data);
  t.same(out.spacing, [2, 3]);
  t.same(Array.from(toUint8(image(data), [0, 10]).data), [0, 77, 179], 'unless a window is given');
  t.end();
});

t.test('CT presets and bounds', (t) => {
  t.same(CT_WINDOWS.abdomen, [-160, 240], 'width 400, level 40');
  t.same(CT_WINDOWS.lung, [-1350, 150], 'width 1500, level -600');
  t.same(CT_WINDOWS.brain, [0, 80]);
  const hu = new Int16Array([-1000, -160, 40, 240, 3000]);
  t.same(Array.from(toUint8(image(hu), 'abdomen').data), [0, 0, 128, 255, 255]);
  t.same(Array.from(toUint8(image(hu), [-1000, 1000]).data), [0, 107, 133, 158, 255]);
  for (const bad of ['abdomin', 'constructor', [1], [2, 1], [0, Number.NaN], [0, 1, 2]])
    t.throws(() => toUint8(image(hu), bad as never), { code: 'ERR_INVALID_ARG' }, String(bad));
  t.end();
});

t.test('air is left out of the percentiles whatever its value', (t) => {
  const body = Array.from({ length: 101 }, (_, i) => i - 50);
  for (const type of [Float32Array, Float64Array, Int16Array, Int32Array]) {
    const range = (air: number): number[] => [
      ...percentileRange({ data: type.from([...new Array(air).fill(-60), ...body]) }, { low: 1, high: 99 }),
    ];
    // Zeros are no part of the body: 100 values.
    t.same(
      range(100).map((v) => v.toFixed(2)),
      ['-49.01', '49.01'],
      `${type.name}: most of the scan`,
    );
    t.equal(range(10)[0], -60, 'a tenth of the scan is dark tissue, not air');
    t.same(percentileRange({ data: new type(9).fill(-60) }), [-60, -60], 'nothing but air');
  }
  t.end();
});

t.test('percentiles are those of a sorted list, zeros left out', (t) => {
  const values = Array.from({ length: 500 }, (_, i) => ((i + 1) * 7919) % 1009);
  const sorted = values.filter((v) => v !== 0).sort((a, b) => a - b);
  const expected = (p: number): number => {
    const rank = ((sorted.length - 1) * p) / 100;
    const low = Math.floor(rank);
    return sorted[low]! + ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!) * (rank - low);
  };
  const padded = [
    ...values,
    ...new Array(3000).fill(0),
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ];
  for (const [low, high] of [
    [0.5, 99.5],
    [0, 100],
    [25, 75],
    [50, 50],
  ] as const) {
    const range = percentileRange({ data: Float32Array.from(padded) }, { low, high });
    t.ok(
      Math.abs(range[0] - expected(low)) < 1e-9 && Math.abs(range[1] - expected(high)) < 1e-9,
      `${low} and ${high}`,
    );
  }
  for (const data of [
    new Uint16Array(values.concat(0, 0)),
    new Int16Array(values.concat(0)),
    new Int32Array(values),
  ])
    t.same(
      percentileRange({ data }, { low: 3, high: 96 }).map((v) => v.toFixed(6)),
      [expected(3).toFixed(6), expected(96).toFixed(6)],
      data.constructor.name,
    );
  const negative = Array.from({ length: 101 }, (_, i) => i - 50).filter((v) => v !== 0);
  for (const data of [new Int8Array(negative), new Int16Array(negative), new Float32Array(negative)])
    t.same(percentileRange({ data }, { low: 0, high: 100 }), [-50, 50], data.constructor.name);
  const data = Uint16Array.from(values);
  const copy = data.slice();
  percentileRange({ data });
  t.same(data, copy, 'the data stay in order');
  for (const pattern of [
    Array.from({ length: 1000 }, (_, i) => i + 1),
    Array.from({ length: 1000 }, (_, i) => 1000 - i),
  ])
    t.same(
      percentileRange({ data: Float64Array.from(pattern) }, { low: 10, high: 90 }).map((v) =>
        Math.round(v * 10),
      ),
      [1009, 9001],
      'sorted data',
    );
  t.throws(() => percentileRange({ data }, { low: 60, high: 40 }), { code: 'ERR_INVALID_ARG' });
  t.end();
});

t.test('the default window: 0.5 to 99.5 percent, over the volume when it is given', (t) => {
  const data = Int16Array.from({ length: 1001 }, (_, i) => i + 1);
  const out = toUint8(image(data));
  t.equal(out.data[5], 0);
  t.equal(out.data[995], 255);
  t.equal(out.data[500], 128);
  const volume = { data: Int16Array.from({ length: 2001 }, (_, i) => i + 1) } as unknown as Volume;
  t.same(windowRange(image(data), 'percentile', { volume }), percentileRange(volume));
  t.equal(
    toUint8(image(data), undefined, { volume }).data[1000],
    128,
    'the slice is half as bright as the volume',
  );
  t.end();
});

t.test('constants, NaN and infinities', (t) => {
  t.same(Array.from(toUint8(image(new Float32Array([0, 0]))).data), [0, 0]);
  t.same(
    Array.from(toUint8(image(new Float32Array([0, 7, 7]))).data),
    [0, 255, 255],
    'a constant on zero stays visible',
  );
  t.same(Array.from(toUint8(image(new Int16Array([-5, -5, 0]))).data), [0, 0, 255]);
  const odd = new Float32Array([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5]);
  t.same(Array.from(toUint8(image(odd), [0, 10]).data), [0, 255, 0, 128]);
  t.same(Array.from(toUint8(image(new Float32Array([Number.NaN, Number.NaN]))).data), [0, 0]);
  t.same(
    Array.from(toUint8(image(new Uint16Array([0, 65535])), [0, 0]).data),
    [0, 255],
    'a window without width',
  );
  t.end();
});
