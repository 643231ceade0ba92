/** The typed errors of gmiseg. Callers branch on `code`; the message names the remedy. */

import type { NativeError } from '../types/native.js';

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

/** The stack at a public call, for an error that comes later from another thread. */
export interface CallSite {
  readonly stack: string;
}

/** Notes who called `publicFunction`; its own frame and those below are left out. */
export function callSite(publicFunction: (...args: never[]) => unknown): CallSite {
  const site = { stack: '' };
  Error.captureStackTrace(site, publicFunction);
  return site;
}

/** An error of the caller's call: its stack is that of the call, not of the code that found out. */
export function errorAt(
  site: CallSite,
  code: ErrorCode,
  message: string,
  options?: GmisegErrorOptions,
): GmisegError {
  const error = new GmisegError(code, message, options);
  const frames = site.stack.indexOf('\n    at ');
  error.stack = `${error.name}: ${message}${frames < 0 ? '' : site.stack.slice(frames)}`;
  return error;
}

/**
 * What a native job rejected with, as a GmisegError with the caller's stack and the native text in `cause`.
 * Anything else, such as what a progress callback threw, comes back as it is.
 */
export function fromNative(reason: unknown, site: CallSite): unknown {
  if (!isNativeError(reason)) return reason;
  return errorAt(
    site,
    reason.code as ErrorCode,
    reason.message,
    reason.native ? { cause: reason.native } : {},
  );
}

function isNativeError(reason: unknown): reason is NativeError {
  return (
    typeof reason === 'object' &&
    reason !== null &&
    !(reason instanceof Error) &&
    typeof (reason as Partial<NativeError>).code === 'string' &&
    typeof (reason as Partial<NativeError>).message === 'string' &&
    typeof (reason as Partial<NativeError>).native === 'string'
  );
}
