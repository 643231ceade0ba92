import { GmisegError } from '../../errors.js';
import type { DatasetFolder } from '../case.js';
import { openAcdc } from '../importers/acdc.js';
import { openIsles2022 } from '../importers/isles2022.js';
import { openLa2018 } from '../importers/la2018.js';
import { openStare } from '../importers/stare.js';
import { openSynapse } from '../importers/synapse.js';
import { openArrays } from './arrays.js';
import { openBids } from './bids.js';
import { openCsv } from './csv.js';
import { openDecathlon } from './decathlon.js';
import { openFolders } from './folders.js';
import { LAYOUTS, type LayoutName, type LayoutOptions } from './layout-options.js';
import { openNnunet } from './nnunet.js';
import { openPairs } from './pairs.js';

export { LAYOUTS, type LayoutName, type LayoutOptions } from './layout-options.js';

const openers: Record<LayoutName, (folder: string, options?: LayoutOptions) => Promise<DatasetFolder>> = {
  nnunet: openNnunet,
  decathlon: openDecathlon,
  bids: openBids,
  folders: openFolders,
  csv: openCsv,
  pairs: openPairs,
  arrays: openArrays,
  acdc: openAcdc,
  la2018: openLa2018,
  synapse: openSynapse,
  stare: openStare,
  isles2022: openIsles2022,
};

/** Opens a labelled dataset on disk; throws ERR_INVALID_ARG for an unknown layout, ERR_DATASET for a broken folder. */
export async function openDataset(
  layout: string,
  folder: string,
  options: LayoutOptions = {},
): Promise<DatasetFolder> {
  if (!(LAYOUTS as readonly string[]).includes(layout)) {
    throw new GmisegError('ERR_INVALID_ARG', `Unknown layout "${layout}"; use one of ${LAYOUTS.join(', ')}.`);
  }
  return openers[layout as LayoutName](folder, options);
}
