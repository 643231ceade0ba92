import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ContenderSpec } from '../contender.js';
import { ownContender } from '../own-contender.js';
import { patternPicture } from '../pictures.js';
import type { DType, Settings } from '../protocol.js';
import type { BenchCase, BenchOptions } from './suite.js';

/** What a suite measures unless it is told otherwise. */
export interface Defaults {
  readonly configs: readonly string[];
  readonly sizes: readonly number[];
  readonly dtypes: readonly DType[];
}

/** A model at a size, and how to call it. */
export interface ModelPoint {
  readonly title: string;
  readonly settings: Settings & { readonly size: number; readonly threads: number };
}

const QUICK: Pick<Defaults, 'configs' | 'sizes'> = { configs: ['tiny'], sizes: [64] };

/** Every model of the options at every size, with every number of threads. */
export function modelPoints(options: BenchOptions, defaults: Defaults): ModelPoint[] {
  const plain = options.quick ? QUICK : defaults;
  const models: Settings[] =
    options.model === undefined
      ? (options.configs ?? plain.configs).map((config) => ({ config }))
      : [{ model: options.model }];
  return models.flatMap((model) =>
    (options.sizes ?? plain.sizes).flatMap((size) =>
      threadsOf(options).map((threads) => ({
        title: [
          path.basename(String(model.model ?? model.config)),
          `${size} pixels`,
          ...placeNote(options, threads),
        ].join(', '),
        settings: { ...model, size, threads, ...deviceOf(options) },
      })),
    ),
  );
}

/** 0, LibTorch's own choice, where nothing was asked for. */
export function threadsOf({ threads }: BenchOptions): readonly number[] {
  return threads ?? [0];
}

/** The settings' device, where one was asked for. */
export function deviceOf({ device }: BenchOptions): Pick<Settings, 'device'> {
  return device === undefined ? {} : { device };
}

/** For a title: where a case runs, unless that is LibTorch's own choice on the CPU. */
export function placeNote({ device = 'cpu' }: BenchOptions, threads: number): string[] {
  return [
    ...(threads === 0 ? [] : [`${threads} thread${threads === 1 ? '' : 's'}`]),
    ...(device === 'cpu' ? [] : [device]),
  ];
}

/** gmiseg, once in each arithmetic. */
export function ownInEach(dtypes: readonly DType[], workload: string): ContenderSpec[] {
  return dtypes.map((dtype) =>
    ownContender({ name: `gmiseg ${dtype}`, workload, dtype, settings: { dtype } }),
  );
}

/** The picture that encoders see: raw RGB in the file `image`. */
export async function writePicture(folder: string, size: number): Promise<Settings> {
  const image = path.join(folder, 'image.rgb');
  await writeFile(image, patternPicture(size));
  return { image };
}

/** A case in which a model sees one picture. */
export function pictureCase(
  suite: string,
  workload: string,
  { title, settings }: ModelPoint,
  dtypes: readonly DType[],
): BenchCase {
  return {
    suite,
    title,
    workload,
    settings,
    contenders: ownInEach(dtypes, workload),
    materials: (folder) => writePicture(folder, settings.size),
  };
}
