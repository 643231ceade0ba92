import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { GmisegError } from '../../errors.js';
import type { DatasetCase, DatasetFolder } from '../case.js';
import { datasetFolder } from '../layouts/dataset-folder.js';
import { findRoot, namesIn, notThisLayout, unwrapFile } from '../layouts/files.js';
import type { LayoutOptions } from '../layouts/layout-options.js';
import type { SplitName } from '../split.js';

const LABELS = new Map([
  [1, 'right ventricle cavity'],
  [2, 'myocardium'],
  [3, 'left ventricle cavity'],
]);

const isPatient = (name: string): boolean => /^patient\d+$/i.test(name);

/**
 * The ACDC challenge as it is downloaded: `training/patient001/{Info.cfg, patient001_frame01.nii.gz,
 * patient001_frame01_gt.nii.gz, ...}` and `testing/`; the two frames of a patient are end-diastole and
 * end-systole, as Info.cfg says. The 4-D file is passed over. With both folders the challenge's own sides hold.
 * Throws ERR_DATASET that names what is missing.
 */
export async function openAcdc(folder: string, _options: LayoutOptions = {}): Promise<DatasetFolder> {
  const root = path.resolve(folder);
  const parts: [folder: string, split: SplitName | undefined][] = [];
  const training = await findRoot(
    root,
    ['training', 'database/training', 'ACDC/database/training'],
    (names) => names.some(isPatient),
  );
  if (training === null)
    throw notThisLayout(root, 'ACDC', 'training/patient001/patient001_frame01.nii.gz and its _gt.nii.gz');
  const testing = path.join(path.dirname(training), 'testing');
  const both = path.basename(training) === 'training' && (await namesIn(testing)).some(isPatient);
  parts.push([training, both ? 'train' : undefined]);
  if (both) parts.push([testing, 'test']);
  const cases: DatasetCase[] = [];
  for (const [part, split] of parts) {
    for (const patient of (await namesIn(part)).filter(isPatient))
      cases.push(...(await patientCases(path.join(part, patient), patient, split)));
  }
  if (cases.length === 0)
    throw notThisLayout(
      training,
      'ACDC',
      'patientNNN_frameMM_gt.nii.gz beside each patientNNN_frameMM.nii.gz',
    );
  return datasetFolder({ layout: 'acdc', path: root, labels: LABELS, cases });
}

async function patientCases(
  folder: string,
  patient: string,
  split: SplitName | undefined,
): Promise<DatasetCase[]> {
  const names = await namesIn(folder);
  const info = parseInfo(await readFile(path.join(folder, 'Info.cfg'), 'utf8').catch(() => ''));
  const cases: DatasetCase[] = [];
  for (const name of names) {
    const match = /^(.+_frame(\d+))_gt\.nii(\.gz)?$/i.exec(name);
    if (match === null) continue;
    const [, id, frame] = match as unknown as [string, string, string];
    const image = names.find((other) => new RegExp(`^${id}\\.nii(\\.gz)?$`, 'i').test(other));
    if (image === undefined)
      throw new GmisegError(
        'ERR_DATASET',
        `${path.join(folder, name)} has no image: expected ${id}.nii.gz.`,
        {
          details: { path: path.join(folder, name) },
        },
      );
    const phase = Number(info.ED) === Number(frame) ? 'ED' : Number(info.ES) === Number(frame) ? 'ES' : '';
    cases.push({
      id,
      subject: patient,
      imagePaths: [await unwrapFile(path.join(folder, image))],
      labelPath: await unwrapFile(path.join(folder, name)),
      modality: ['cine-MRI'],
      ...(split === undefined ? {} : { split }),
      notes: {
        ...(phase === '' ? {} : { phase }),
        ...(info.Group === undefined ? {} : { group: info.Group }),
      },
    });
  }
  return cases;
}

/** `Key: value` lines. */
function parseInfo(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^\s*(\w+)\s*:\s*(.*?)\s*$/gm)].map(([, key, value]) => [key!, value!]),
  );
}
