import path from 'node:path';
import type { DatasetCase, DatasetFolder } from '../case.js';
import { type BidsName, parseBidsName } from '../layouts/bids-name.js';
import { datasetFolder } from '../layouts/dataset-folder.js';
import { filesBelow, notThisLayout, VOLUME_ENDING } from '../layouts/files.js';
import type { LayoutOptions } from '../layouts/layout-options.js';

/** The channels, in order. Masks lie on the grid of DWI and ADC; FLAIR never does. */
const CHANNELS = ['DWI', 'ADC', 'FLAIR'] as const;
const FLAIR = 2;

/**
 * ISLES 2022 as it is downloaded, a BIDS dataset: `sub-strokecase0001/ses-0001/dwi/…_{dwi,adc}.nii.gz`,
 * `…/anat/…_FLAIR.nii.gz`, `derivatives/…_msk.nii.gz`; also the older release, with `rawdata/` and lower-case
 * names. Channel 0 is DWI, 1 ADC, 2 FLAIR, which is resampled to the mask's grid. Throws ERR_DATASET where there
 * is no mask with a DWI image.
 */
export async function openIsles2022(folder: string, _options: LayoutOptions = {}): Promise<DatasetFolder> {
  const root = path.resolve(folder);
  const images = new Map<string, Map<string, string>>();
  const masks = new Map<string, { name: BidsName; file: string }>();
  for (const file of await filesBelow(root)) {
    const name = VOLUME_ENDING.test(file) ? parseBidsName(file) : null;
    if (name === null) continue;
    const scan = `sub-${name.subject}${name.session === '' ? '' : `_ses-${name.session}`}`;
    if (name.suffix.toLowerCase() === 'msk') masks.set(scan, { name, file: path.join(root, file) });
    else {
      const found = images.get(scan) ?? new Map<string, string>();
      images.set(scan, found.set(name.suffix.toUpperCase(), path.join(root, file)));
    }
  }
  const cases = [...masks].flatMap(([id, { name, file }]): DatasetCase[] => {
    const found = images.get(id) ?? new Map<string, string>();
    const there = CHANNELS.filter((channel) => found.has(channel));
    if (there[0] !== 'DWI') return [];
    return [
      {
        id,
        subject: `sub-${name.subject}`,
        imagePaths: there.map((channel) => found.get(channel)!),
        labelPath: file,
        modality: there,
        resample: there.includes('FLAIR') ? [there.indexOf(CHANNELS[FLAIR])] : [],
      },
    ];
  });
  if (cases.length === 0)
    throw notThisLayout(root, 'ISLES 2022', 'sub-*/ses-*/dwi/*_dwi.nii.gz and derivatives/**/*_msk.nii.gz');
  return datasetFolder({
    layout: 'isles2022',
    path: root,
    labels: new Map([[1, 'stroke lesion']]),
    cases,
  });
}
