/** What the numbers of an evaluation mean, for its output. docs/evaluation.md says the same at length. */
export const CONVENTIONS = {
  surface:
    'mask minus its erosion by the neighbours along the axes (connectivity 1); beyond the image is background',
  distance: 'exact Euclidean distance between centres of voxels, with their spacing',
  assd: 'mean of the two directed mean distances',
  assdPooled: 'mean over the distances of both surfaces together',
  asd: 'mean distance from the surface of the prediction to that of the truth',
  asdReverse: 'mean distance from the surface of the truth to that of the prediction',
  hd95: '95th percentile of the distances of both surfaces together, interpolated linearly',
  hd95Max: 'larger one of the 95th percentiles of the two surfaces',
  nsd: 'share of the voxels of both surfaces that are at most the tolerance from the other surface',
  bothEmpty: 'Dice, Jaccard and NSD 1, distances 0',
  oneEmpty: 'Dice, Jaccard and NSD 0, distances the diagonal of the image',
  aggregation: 'image -> subject -> task -> data set -> mean; plain means at each level',
  interval: 'percentile bootstrap over subjects, 95 %',
  paired: 'subjects; Wilcoxon signed-rank, two-sided, and paired bootstrap of the mean difference',
} as const;
