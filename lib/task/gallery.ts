import type { NativeEmbedding } from '../../types/native.js';
import type { Work } from './host.js';
import type { Picture } from './picture.js';
import { cutPicture, type Region } from './region.js';

/** Pictures and parts of them, encoded once each, whatever asks for them. */
export class Gallery {
  readonly #encoded = new Map<Picture, Map<string, NativeEmbedding>>();

  /** Encoded parts that are held. */
  get size(): number {
    return [...this.#encoded.values()].reduce((sum, parts) => sum + parts.size, 0);
  }

  async get(work: Work, picture: Picture, region: Region, mirrored = false): Promise<NativeEmbedding> {
    let parts = this.#encoded.get(picture);
    if (parts === undefined) {
      parts = new Map();
      this.#encoded.set(picture, parts);
    }
    const key = `${region.x},${region.y},${region.width},${region.height},${mirrored}`;
    const known = parts.get(key);
    if (known !== undefined) return known;
    const embedding = await work.encode(cutPicture(picture, region, mirrored));
    parts.set(key, embedding);
    return embedding;
  }

  /** Lets go of the pictures for which `keep` does not hold. */
  retain(keep: (picture: Picture) => boolean): void {
    for (const [picture, parts] of this.#encoded) {
      if (keep(picture)) continue;
      for (const embedding of parts.values()) embedding.close();
      this.#encoded.delete(picture);
    }
  }

  close(): void {
    this.retain(() => false);
  }
}
