/** libvips takes a fifth of a second to load, and most commands and services never need it. */
export async function loadSharp(): Promise<typeof import('sharp').default> {
  return (await import('sharp')).default;
}
