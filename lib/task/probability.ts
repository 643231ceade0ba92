export function probabilityOf(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** At most about 14 either way. */
export function logitOf(probability: number): number {
  const inside = Math.min(1 - 1e-6, Math.max(1e-6, probability));
  return Math.log(inside / (1 - inside));
}
