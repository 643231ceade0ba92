import { z } from 'zod';

/**
 * What `index.json` of a slice store says. Everything that training, reports and
 * tables need is here; the pixels are in the safetensors shards beside it.
 */

const sliceEntry = z.object({
  dataset: z.string(),
  subject: z.string(),
  /** The case (scan) the slice comes from; absent in stores of other makers. */
  case: z.string().optional(),
  axis: z.int().min(0).max(2),
  index: z.int().min(0),
  /** Millimetres from row to row and column to column of the stored slice; null = unknown. */
  spacing: z.tuple([z.number().positive(), z.number().positive()]).nullable(),
  height: z.int().positive(),
  width: z.int().positive(),
  channels: z.union([z.literal(1), z.literal(3)]),
  modality: z.string(),
  split: z.enum(['train', 'val', 'test']),
  /** Label value to pixels on the stored slice; only values that count as targets. */
  labels: z.record(z.string().regex(/^[1-9]\d*$/), z.int().positive()),
  file: z.string(),
  image: z.string(),
  mask: z.string(),
  /** Where i, j and k of the stored volume point (`LPS`), and where those of the source did; absent for pictures. */
  orientation: z.string().length(3).optional(),
  sourceOrientation: z.string().length(3).optional(),
  /** Present where the slice was resampled to square pixels: what it was before. */
  resampled: z
    .object({
      height: z.int().positive(),
      width: z.int().positive(),
      spacing: z.tuple([z.number().positive(), z.number().positive()]),
    })
    .optional(),
});

export const sliceIndexSchema = z.object({
  schema: z.literal(1),
  provenance: z.looseObject({
    command: z.string(),
    created: z.string(),
    gmiseg: z.string(),
    source: z.string(),
    options: z.record(z.string(), z.unknown()),
    /** Who is on which side. */
    subjects: z
      .object({ train: z.array(z.string()), val: z.array(z.string()), test: z.array(z.string()) })
      .optional(),
  }),
  /** dataset -> label value -> name */
  labels: z.record(z.string(), z.record(z.string(), z.string())),
  /** dataset -> region name -> label values */
  regions: z.record(z.string(), z.record(z.string(), z.array(z.int()))).optional(),
  slices: z.array(sliceEntry),
});

/** One slice of a store. */
export type SliceEntry = z.infer<typeof sliceEntry>;
/** The whole of `index.json`. */
export type SliceIndex = z.infer<typeof sliceIndexSchema>;
export type SliceProvenance = SliceIndex['provenance'];
