import { GmisegError } from '../errors.js';

/** A command line that cannot be carried out as written: exit status 2. */
export class UsageError extends GmisegError {
  constructor(message: string) {
    super('ERR_INVALID_ARG', message);
  }
}
