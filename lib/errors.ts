/** The typed errors of gmiseg. Callers branch on `code`; the message names the remedy. */

/** Every code a GmisegError can carry. The native side sends a subset (a test compares the lists). */
export const ERROR_CODES = [
  'ERR_INVALID_ARG',
  'ERR_SHAPE',
  'ERR_CHECKPOINT_NOT_FOUND',
  'ERR_CHECKPOINT_FORMAT',
  'ERR_CHECKPOINT_MISMATCH',
  'ERR_DEVICE_UNAVAILABLE',
  'ERR_OUT_OF_MEMORY',
  'ERR_NON_FINITE_LOSS',
  'ERR_DATASET',
  'ERR_IO',
  'ERR_BUSY',
  'ERR_CLOSED',
  'ERR_ABORTED',
  'ERR_TORCH',
  'ERR_INTERNAL',
  'ERR_BINDING_NOT_FOUND',
  'ERR_BINDING_INCOMPATIBLE',
  'ERR_IMAGE_NOT_FOUND',
  'ERR_IMAGE_FORMAT',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface GmisegErrorOptions {
  /** The error or native text underneath. */
  cause?: unknown;
  /** Facts a program may use: paths, shapes, byte counts. */
  details?: Readonly<Record<string, unknown>>;
}

/** The one error class of the package. */
export class GmisegError extends Error {
  override readonly name = 'GmisegError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: GmisegErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}
