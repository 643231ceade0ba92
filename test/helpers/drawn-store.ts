import { type SliceRecord, SliceStoreWriter } from '../../lib/dataset/slice-store-writer.js';

/** What differs between the slices of a drawn store. */
export type DrawnSlice = Pick<SliceRecord, 'subject' | 'height' | 'width' | 'split' | 'image' | 'mask'> &
  Partial<Pick<SliceRecord, 'index' | 'labels'>>;

/** Writes a slice store of drawn grey pictures, all of one data set; labels are counted. */
export async function writeDrawnStore(
  path: string,
  dataset: string,
  names: ReadonlyMap<number, string>,
  slices: readonly DrawnSlice[],
): Promise<string> {
  const writer = await SliceStoreWriter.create(path);
  writer.describe(dataset, names);
  for (const slice of slices) {
    const count = (label: number): number => slice.mask.filter((value) => value === label).length;
    await writer.add({
      dataset,
      axis: 2,
      index: 0,
      spacing: [1, 1],
      channels: 1,
      modality: 'drawn',
      labels: new Map([...names.keys()].map((label) => [label, count(label)])),
      ...slice,
    });
  }
  await writer.finish({
    command: 'test',
    created: '2020-01-01T00:00:00.000Z',
    gmiseg: '0.0.0',
    source: 'drawn',
    options: {},
  });
  return path;
}
