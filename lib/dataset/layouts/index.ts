import { GmisegError } from '../../errors.js';
import type { DatasetFolder } from '../case.js';
import { openFolders } from './folders.js';
import { LAYOUTS, type LayoutName, type LayoutOptions } from './layout-options.js';
import { openNnunet } from './nnunet.js';

export { LAYOUTS, type LayoutName, type LayoutOptions } from './layout-options.js';

const openers: Record<LayoutName, (folder: string, options?: LayoutOptions) => Promise<DatasetFolder>> = {
  nnunet: openNnunet,
  folders: openFolders,
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
