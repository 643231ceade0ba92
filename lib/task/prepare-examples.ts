import { flatAxis } from '../dataset/slicing.js';
import { GmisegError } from '../errors.js';
import {
  type Axis,
  baseName,
  type IntensityWindow,
  isVolumePath,
  PLACES_DIFFER,
  placesDiffer,
  takeSlice,
  toUint8,
  type Uint8Image,
  type Volume,
} from '../image/index.js';
import { toPath } from '../load-options.js';
import { type PreparedPrompts, preparePrompts } from '../prompts.js';
import { invalid, requireKeys } from '../validate.js';
import type { ExampleWarning, PreparedExample, TaskExample } from './example.js';
import { isVolume, type LoadedImage, type LoadedMask, loadImage, loadMask } from './load-input.js';
import { digestOf, type FramedPicture, squareMask, squarePicture } from './picture.js';
import { axesFor, exampleSlices, type VolumeOptions } from './slices-of-volume.js';
import { labelsLike, standardGrid, standardLabels, standardView } from './standard-view.js';

export interface ExampleSettings {
  readonly window: IntensityWindow | undefined;
  readonly volume: VolumeOptions;
  /** The only label values that count, or null for all. */
  readonly values: ReadonlySet<number> | null;
  readonly signal: AbortSignal | undefined;
}

/** The examples that others join. */
export interface KnownExamples {
  /** Axes that an earlier volume has settled, or null. */
  readonly axes: readonly Axis[] | null;
  /** Names that are taken. */
  readonly taken: ReadonlySet<string>;
}

/** Those of a task that is made anew. */
export const NONE_KNOWN: KnownExamples = { axes: null, taken: new Set() };

/** A picture whose mask the model has yet to make. */
export interface PromptedExample {
  readonly name: string;
  readonly group: string;
  readonly picture: FramedPicture;
  readonly prompts: PreparedPrompts;
}

export interface ExampleSet {
  readonly examples: readonly PreparedExample[];
  readonly prompted: readonly PromptedExample[];
  /** The axes of slices; null where there is no volume. */
  readonly axes: readonly Axis[] | null;
  readonly warnings: readonly ExampleWarning[];
}

const KEYS = ['image', 'mask', 'name', 'group', 'index', 'prompts'];

/**
 * Checks examples, and copies pictures in memory before the call returns. What this returns checks their names and
 * reads the files; it is called when the examples that they join are known. What is wrong with arguments is thrown at
 * once, what is wrong with files rejects.
 */
export function prepareExamples(
  examples: readonly TaskExample[],
  settings: ExampleSettings,
): (known: KnownExamples) => Promise<ExampleSet> {
  if (!Array.isArray(examples)) throw invalid('examples', 'an array of { image, mask }', examples);
  if (examples.length === 0) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      'A task needs at least one example: an image with a mask of what is to be found.',
    );
  }
  const pending = examples.map((example, at) => begin(example, `examples[${at}]`, settings));
  const wanted = pending.map(({ wanted: name }) => name);
  return ({ axes, taken }) => assemble(pending, uniqueNames(wanted, taken), axes, settings);
}

/** What is in memory is taken at once; files are read one after the other, when they are asked for. */
interface Pending {
  readonly wanted: WantedName;
  readonly group: string | undefined;
  readonly index: number | undefined;
  readonly volume: () => Promise<boolean>;
  readonly image: () => Promise<LoadedImage>;
  readonly mask: (() => Promise<LoadedMask>) | null;
  readonly prompts: PreparedPrompts | null;
}

function begin(example: TaskExample, name: string, { window, signal }: ExampleSettings): Pending {
  requireKeys(name, example, KEYS);
  const { image, mask, name: given, group, index, prompts } = example;
  if (given !== undefined && (typeof given !== 'string' || given === '')) {
    throw invalid(`${name}.name`, 'a text', given);
  }
  if (group !== undefined && (typeof group !== 'string' || group === '')) {
    throw invalid(`${name}.group`, 'a text', group);
  }
  if (index !== undefined && !(Number.isSafeInteger(index) && index >= 0)) {
    throw invalid(`${name}.index`, 'a whole number from 0', index);
  }
  if (mask === undefined && prompts === undefined) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `${name} has neither a mask nor prompts; a picture alone does not say what is to be found on it.`,
    );
  }
  const isFile = typeof image === 'string' || image instanceof URL;
  return {
    wanted: { given, file: isFile ? baseName(toPath(image)) : undefined },
    group,
    index,
    volume: async () => (isFile ? isVolumePath(toPath(image)) : isVolume(image)),
    image: inTime(isFile, () => loadImage(image, window, signal)),
    mask:
      mask === undefined
        ? null
        : inTime(typeof mask === 'string' || mask instanceof URL, () =>
            loadMask(mask, `${name}.mask`, signal),
          ),
    prompts: mask === undefined ? preparePrompts(prompts!) : null,
  };
}

function inTime<T>(later: boolean, load: () => Promise<T>): () => Promise<T> {
  if (later) return load;
  const now = load();
  return () => now;
}

async function assemble(
  pending: readonly Pending[],
  names: readonly string[],
  known: readonly Axis[] | null,
  settings: ExampleSettings,
): Promise<ExampleSet> {
  const examples: PreparedExample[] = [];
  const prompted: PromptedExample[] = [];
  const warnings: ExampleWarning[] = [];
  const kinds = await Promise.all(pending.map(({ volume }) => volume()));
  const volumes = kinds.filter(Boolean).length;
  let axes = known;
  let flat: readonly Axis[] | null = null;
  for (const [at, { image: load, mask: loadItsMask, group, index, prompts }] of pending.entries()) {
    settings.signal?.throwIfAborted();
    const name = names[at] as string;
    const origin = { source: name, group: group ?? name };
    const image = await load();
    const mask = loadItsMask === null ? null : await loadItsMask();
    if ('volume' in image) {
      if (index !== undefined) {
        throw new GmisegError(
          'ERR_INVALID_ARG',
          `${name} is a volume: its slices have their places in it. Leave out index.`,
        );
      }
      const grid = standardGrid(image.volume);
      const own = axes ?? axesFor(settings.volume, grid);
      // A flat volume leaves no choice, and says nothing of the others.
      if (flatAxis(grid.shape) === null) axes = own;
      else flat ??= own;
      const warn = (message: string): void => void warnings.push({ source: name, message });
      examples.push(...slices(origin, image.volume, mask, { ...settings, axes: own, volumes, warn }));
    } else if (mask === null) {
      prompted.push({ name, group: origin.group, picture: squarePicture(image.picture), prompts: prompts! });
    } else {
      examples.push(pictureExample({ ...origin, index: index ?? null }, image.picture, mask, settings));
    }
  }
  return { examples, prompted, axes: axes ?? flat, warnings };
}

type Origin = Pick<PreparedExample, 'source' | 'group'>;

function pictureExample(
  origin: Origin & Pick<PreparedExample, 'index'>,
  image: Uint8Image,
  mask: LoadedMask,
  { values }: ExampleSettings,
): PreparedExample {
  const { source: name } = origin;
  const { width, height } = image;
  if ('shape' in mask) {
    throw new GmisegError(
      'ERR_SHAPE',
      `${name} is a picture, but its mask a volume; give the mask as a picture of ${width} x ${height} pixels.`,
    );
  }
  if (mask.width !== width || mask.height !== height) {
    throw new GmisegError(
      'ERR_SHAPE',
      `${name} is ${width} x ${height} pixels, but its mask ${mask.width} x ${mask.height}; both must have one size.`,
      { details: { name, image: [width, height], mask: [mask.width, mask.height] } },
    );
  }
  return makeExample({ ...origin, name, axis: null }, image, mask.data, values);
}

function slices(
  origin: Origin,
  volume: Volume,
  mask: LoadedMask | null,
  settings: ExampleSettings & {
    readonly axes: readonly Axis[];
    readonly volumes: number;
    /** Told what a user should know of the volume's file and of where its mask lies. */
    readonly warn: (message: string) => void;
  },
): PreparedExample[] {
  const { source: name } = origin;
  if (mask === null) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `${name} is a volume without a mask; prompts describe single pictures. Cut the slice, or give a label volume.`,
    );
  }
  const turned = standardView(volume);
  const placed = 'shape' in mask ? labelsLike(mask, volume) : null;
  const labels = placed === null ? null : standardLabels(placed, volume);
  if (placed === null || labels === null || labels.shape.join() !== turned.shape.join()) {
    const found = 'shape' in mask ? mask.shape : [mask.width, mask.height];
    throw new GmisegError(
      'ERR_SHAPE',
      `${name} is ${volume.shape.join(' x ')} voxels, but its mask ${found.join(' x ')}; both must be on one grid.`,
      { details: { name, image: volume.shape, mask: found } },
    );
  }
  const { axes, values, volumes, window, warn } = settings;
  for (const message of volume.source?.warnings ?? []) warn(message);
  if (placesDiffer(placed, volume)) warn(PLACES_DIFFER);
  const options = settings.volume;
  return exampleSlices(turned, labels.data, name, { axes, values, options, volumes }).map(
    ({ axis, index }) => {
      const image = toUint8(takeSlice(turned, axis, index), window, { volume: turned });
      const { spacing, affine } = turned;
      const slice = takeSlice({ ...labels, frames: 1, spacing, affine }, axis, index);
      const place = { ...origin, name: `${name} ${'ijk'[axis]}=${index}`, axis, index };
      return makeExample(place, image, slice.data as Uint8Array, values);
    },
  );
}

/** Puts an image and its labels together; labels that do not count become background. */
export function makeExample(
  place: Pick<PreparedExample, 'name' | 'source' | 'group' | 'axis' | 'index'>,
  image: Uint8Image,
  labels: Uint8Array,
  values: ReadonlySet<number> | null,
): PreparedExample {
  const picture = squarePicture(image);
  const kept = values === null ? labels : labels.map((value) => (values.has(value) ? value : 0));
  const mask = squareMask(kept, picture);
  return { ...place, picture, mask, digest: digestOf(picture, mask) };
}

/** What an example is to be called. */
interface WantedName {
  readonly given: string | undefined;
  readonly file: string | undefined;
}

/** Names as given, else the file's base name, else `example 3`; a second one of a name becomes `name (2)`. */
function uniqueNames(wanted: readonly WantedName[], taken: ReadonlySet<string>): string[] {
  const used = new Set(taken);
  return wanted.map(({ given, file }) => {
    if (given !== undefined && used.has(given)) {
      throw new GmisegError(
        'ERR_INVALID_ARG',
        `Two examples have the name ${JSON.stringify(given)}; names tell them apart.`,
      );
    }
    const plain = given ?? file ?? `example ${used.size + 1}`;
    let name = plain;
    for (let copy = 2; used.has(name); copy++) name = `${plain} (${copy})`;
    used.add(name);
    return name;
  });
}
