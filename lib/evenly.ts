/** So many of the items, evenly spread. */
export function evenly<T>(items: readonly T[], most: number): T[] {
  if (items.length <= most) return [...items];
  return Array.from({ length: most }, (_, at) => items[Math.floor(((at + 0.5) * items.length) / most)] as T);
}
