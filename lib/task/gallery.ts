import type { NativeEmbedding } from '../../types/native.js';
import type { Work } from './host.js';
import { nativeLook, type Sight, sightKey } from './look.js';
import type { Picture } from './picture.js';
import { cutPicture, isWhole, type Region } from './region.js';

interface Part {
  readonly picture: Picture;
  /** Of the whole picture, not mirrored: what most uses need. */
  readonly plain: boolean;
  readonly embedding: NativeEmbedding;
}

/** Encoded parts that are held while a task is made or checked; each is some megabytes. */
const MOST_PARTS = 256;
/** Whole pictures that a task keeps encoded between two calls. */
const MOST_KEPT = 32;

/** Pictures and parts of them, encoded once each, whatever asks for them. */
export class Gallery {
  /** The least recently used first. */
  readonly #parts = new Map<string, Part>();
  readonly #numbers = new WeakMap<Picture, number>();
  #pictures = 0;

  /** Encoded parts that are held. */
  get size(): number {
    return this.#parts.size;
  }

  async get(
    work: Work,
    picture: Picture,
    region: Region,
    { mirrored = false, sight = {} }: { readonly mirrored?: boolean; readonly sight?: Sight } = {},
  ): Promise<NativeEmbedding> {
    const { x, y, width, height } = region;
    const key = `${this.#number(picture)}:${x},${y},${width},${height},${mirrored},${sightKey(sight)}`;
    let part = this.#parts.get(key);
    if (part === undefined) {
      const embedding = await work.encode(cutPicture(picture, region, mirrored), nativeLook(picture, sight));
      part = { picture, plain: isWhole(region, picture) && !mirrored, embedding };
    } else {
      this.#parts.delete(key);
    }
    this.#parts.set(key, part);
    return part.embedding;
  }

  /** Lets go of what was not used for longest. Only between native calls: what one is given must stay open. */
  limit(most = MOST_PARTS): void {
    const surplus = this.#parts.size - most;
    this.#drop((_part, age) => age >= surplus);
  }

  /** Lets go of all but a few whole pictures: what is left when a call ends. */
  settle(): void {
    this.#drop(({ plain }) => plain);
    this.limit(MOST_KEPT);
  }

  /** Lets go of pictures for which `keep` does not hold. */
  retain(keep: (picture: Picture) => boolean): void {
    this.#drop(({ picture }) => keep(picture));
  }

  close(): void {
    this.#drop(() => false);
  }

  #drop(keep: (part: Part, age: number) => boolean): void {
    for (const [age, [key, part]] of [...this.#parts].entries()) {
      if (keep(part, age)) continue;
      part.embedding.close();
      this.#parts.delete(key);
    }
  }

  #number(picture: Picture): number {
    const known = this.#numbers.get(picture);
    if (known !== undefined) return known;
    this.#pictures += 1;
    this.#numbers.set(picture, this.#pictures);
    return this.#pictures;
  }
}
