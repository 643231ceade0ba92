import { GmisegError } from './errors.js';

/** `points[2].x must be a finite number, but got "12".` */
export function invalid(name: string, expectation: string, got: unknown): GmisegError {
  return mismatch(name, expectation, describe(got));
}

/** `invalid` for what has a better description than `describe` knows. */
export function mismatch(name: string, expectation: string, got: string): GmisegError {
  return new GmisegError('ERR_INVALID_ARG', `${name} must be ${expectation}, but got ${got}.`);
}

/** A short word for a value in a message. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string')
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (ArrayBuffer.isView(value)) {
    const length = 'length' in value ? ` of length ${value.length}` : '';
    return `${kind(value)}${length}`;
  }
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return kind(value);
  return String(value);
}

function kind(value: object): string {
  const name = (value.constructor as { name?: string } | undefined)?.name;
  return name && name !== 'Object' ? `a ${name}` : 'an object';
}

export function requireObject(name: string, value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw invalid(name, 'an object', value);
  }
}

/** Options objects hold no unknown keys: a misspelt one would be ignored without a word. */
export function requireKeys(name: string, value: unknown, keys: readonly string[]): void {
  requireObject(name, value);
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) {
      throw new GmisegError(
        'ERR_INVALID_ARG',
        `${name} has no option ${JSON.stringify(key)}; it knows ${keys.join(', ')}.`,
      );
    }
  }
}

export function requireInteger(name: string, value: unknown, low: number, high: number): void {
  if (!Number.isInteger(value) || (value as number) < low || (value as number) > high) {
    throw invalid(name, `an integer from ${low} to ${high}`, value);
  }
}

export function requireOneOf(name: string, value: unknown, choices: readonly string[]): void {
  if (typeof value !== 'string' || !choices.includes(value)) {
    throw invalid(name, choices.map((choice) => `'${choice}'`).join(' or '), value);
  }
}

export function requireBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw invalid(name, 'true or false', value);
}

export function requireSignal(name: string, value: unknown): void {
  if (value !== undefined && !(value instanceof AbortSignal)) throw invalid(name, 'an AbortSignal', value);
}
