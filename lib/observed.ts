/**
 * The value; a promise of one may fail before anybody waits for it, or nobody may ever wait, and that is no unhandled
 * rejection: whoever waits is told.
 */
export function observed<T>(value: T): T {
  if (value instanceof Promise) value.catch(() => {});
  return value;
}
