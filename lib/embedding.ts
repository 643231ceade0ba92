import type { NativeEmbedding } from '../types/native.js';
import { callSite, fromNative } from './errors.js';

/** The addon's handle; for Segmenter only. */
export let nativeEmbedding: (embedding: Embedding) => NativeEmbedding;

/**
 * What the encoder makes of one image, for any number of `predict` calls. It belongs to the Segmenter that made
 * it, and to the weights that one had then. Its memory is the native side's: close it when done.
 */
export class Embedding implements Disposable {
  /** Of the original image, in pixels. */
  readonly width: number;
  readonly height: number;
  /** [1, channels, grid, grid] */
  readonly shape: readonly number[];
  readonly #native: NativeEmbedding;

  static {
    nativeEmbedding = (embedding) => embedding.#native;
  }

  /** @internal Embeddings come from Segmenter.encode. */
  constructor(native: NativeEmbedding) {
    this.#native = native;
    this.width = native.imageWidth;
    this.height = native.imageHeight;
    this.shape = native.shape;
  }

  /**
   * A copy of the values in the order of `shape`, as float32.
   * @throws GmisegError ERR_CLOSED
   */
  toArray(): Float32Array {
    try {
      return this.#native.toArray();
    } catch (reason) {
      throw fromNative(reason, callSite(this.toArray));
    }
  }

  /** Frees the memory. Later uses fail with ERR_CLOSED; a second call does nothing. */
  close(): void {
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
