import { GmisegError } from '../errors.js';

function missing(name: string, purpose: string, cause: unknown): GmisegError {
  const { code, message } = cause as { code?: string; message?: string };
  // Loaders put before node's own leave the code out.
  const absent =
    code === 'ERR_MODULE_NOT_FOUND' || message?.startsWith(`Cannot find package '${name}'`) === true;
  const why = absent ? 'which is not installed' : `which does not load (${message ?? String(cause)})`;
  return new GmisegError(
    'ERR_IMAGE_FORMAT',
    `${purpose} needs the package ${name}, ${why}; run: npm install ${name}`,
    {
      cause,
      details: { package: name },
    },
  );
}

/**
 * Where a package that only some formats need lies, as a file URL.
 * @param purpose what needs it, as the subject of a sentence: `reading NRRD`
 * @throws GmisegError ERR_IMAGE_FORMAT with the command that installs it
 */
export function resolveOptional(name: string, purpose: string): string {
  try {
    return import.meta.resolve(name);
  } catch (cause) {
    throw missing(name, purpose, cause);
  }
}

/**
 * Imports such a package.
 * @throws GmisegError as resolveOptional
 */
export async function optionalModule<T>(name: string, purpose: string): Promise<T> {
  const url = resolveOptional(name, purpose);
  try {
    return (await import(url)) as T;
  } catch (cause) {
    throw missing(name, purpose, cause);
  }
}
