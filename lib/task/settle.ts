/** What several labels, each with a probability, say together. */

/**
 * The most probable label of each pixel among those of at least one half, the earlier one where two are equal;
 * 0 where there is none.
 */
export function settle(probabilities: readonly Float32Array[], values: readonly number[]): Uint8Array {
  const out = new Uint8Array(probabilities[0]?.length ?? 0);
  for (let at = 0; at < out.length; at++) {
    let most = 0;
    for (let label = 0; label < values.length; label++) {
      const probability = probabilities[label]![at] as number;
      if (probability < 0.5 || probability <= most) continue;
      most = probability;
      out[at] = values[label] as number;
    }
  }
  return out;
}

/** Arrays of one length, one after the other. */
export function joined(arrays: readonly Float32Array[]): Float32Array {
  const length = arrays[0]?.length ?? 0;
  const out = new Float32Array(length * arrays.length);
  for (const [at, array] of arrays.entries()) out.set(array, at * length);
  return out;
}
