import { GmisegError } from '../errors.js';

/** A command line that cannot be carried out as written: exit status 2. */
export class UsageError extends GmisegError {
  constructor(message: string) {
    super('ERR_INVALID_ARG', message);
  }
}

/** The flag of an option's name: `boxFrom` is `--box-from`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
