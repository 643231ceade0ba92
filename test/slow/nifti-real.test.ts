import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import {
  isVolumePath,
  readImage,
  readLabelNames,
  readLabelVolume,
  readMask,
  readVolume,
  writeMask,
} from '../../lib/image/index.js';

const DATA = join(import.meta.dirname, '../../../shared/data');
const absent = existsSync(DATA) ? false : `no real images at ${DATA}`;

async function first(folder: string): Promise<string> {
  const names = (await readdir(join(DATA, folder))).sort();
  return join(DATA, folder, names[0]!);
}

t.test('real volumes: masks take over their geometry', { skip: absent }, async (t) => {
  const paths = [
    await first('acdc/imagesTr'),
    await first('la2018/imagesTr'),
    await first('brats/imagesTr'),
    join(DATA, 'brain_mr/test_scan_0000.nii.gz'),
    join(DATA, 'abdomen_ct/example_ct_sm.nii.gz'),
    join(DATA, 'abdomen_mr/example_mr_sm.nii.gz'),
  ];
  for (const path of paths) {
    t.equal(await isVolumePath(path), true);
    const volume = await readVolume(path);
    const data = new Uint8Array(volume.shape[0] * volume.shape[1] * volume.shape[2]);
    for (let i = 0; i < data.length; i += 7) data[i] = 1;
    const out = join(t.testdir(), 'mask.nii.gz');
    await writeMask(out, { data, shape: volume.shape }, { like: volume });
    const mask = await readVolume(out);
    t.same(mask.shape, volume.shape, path);
    t.ok(
      mask.affine.every((value, i) => value === volume.affine[i]),
      'the affine is bit-equal',
    );
    t.ok(
      Buffer.compare(Buffer.from(mask.data.buffer), Buffer.from(data.buffer)) === 0,
      'the voxels are equal',
    );
  }
});

t.test('real labels', { skip: absent }, async (t) => {
  const values = async (path: string) =>
    [...new Set((await readLabelVolume(path)).data)].sort((a, b) => a - b);
  t.same(await values(await first('acdc/labelsTr')), [0, 1, 2, 3]);
  t.same(await values(await first('la2018/labelsTr')), [0, 1]);
  for (const name of await readdir(join(DATA, 'brats/labelsTr')))
    t.ok(
      (await values(join(DATA, 'brats/labelsTr', name))).every((v) => v <= 4),
      'float labels are rounded',
    );
  const names = readLabelNames(await readVolume(join(DATA, 'abdomen_ct/example_seg.nii.gz')));
  t.equal(names.get(1), 'spleen');
  t.ok(names.size >= 41);
});

t.test('real pictures', { skip: absent }, async (t) => {
  const fundus = await readImage(await first('stare/images'));
  t.match(fundus, { width: 700, height: 605, channels: 3 });
  const vessels = await readMask(await first('stare/labels'));
  t.same([...new Set(vessels.data)].sort(), [0, 255]);
  const membrane = await readMask(await first('em_membrane/labels'));
  t.match(membrane, { width: 512, height: 512 });
});
