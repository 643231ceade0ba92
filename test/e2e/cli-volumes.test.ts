import { readdir } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { readLabelVolume, readVolume } from '../../lib/image/index.js';
import { gmiseg } from '../helpers/cli.js';
import { writeDicomSeries } from '../helpers/dicom-files.js';

const TINY = path.join(import.meta.dirname, '../fixtures/sam-tiny');

t.test('predict: a DICOM series in; NIfTI, NRRD and a DICOM segmentation out', async (t) => {
  const root = t.testdir();
  const series = path.join(root, 'series');
  await writeDicomSeries(series, { slices: 3, columns: 16, rows: 12 });
  const model = [
    '--model',
    path.join(TINY, 'weights.safetensors'),
    '--config',
    path.join(TINY, 'config.json'),
  ];
  const args = ['predict', ...model, '--image', series, '--slice', '1', '--box', '2,2,12,9', '--json'];
  const like = await readVolume(series);
  for (const [out, file] of [
    ['masks', 'masks/series.nii.gz'],
    ['mask.nrrd', 'mask.nrrd'],
  ] as const) {
    t.match(await gmiseg([...args, '--out', path.join(root, out)]), { code: 0, stderr: '' });
    const mask = await readLabelVolume(path.join(root, file));
    t.same(mask.shape, [16, 12, 3]);
    t.ok(
      mask.affine.every((value, at) => Math.abs(value - like.affine[at]!) < 1e-5),
      file,
    );
    t.ok(mask.data.subarray(16 * 12, 2 * 16 * 12).some((value) => value === 1));
  }
  t.match(await gmiseg([...args, '--out', path.join(root, 'mask.dcm')]), { code: 0, stderr: '' });
  t.ok((await readdir(root)).includes('mask.dcm'));
  t.match(await gmiseg([...args, '--out', path.join(root, 'mask.png')]), {
    code: 2,
    stderr: /volume is \.nii, \.nii\.gz, \.nrrd, \.mha or \(of a DICOM series\) \.dcm/,
  });
});
