/** Runs in a child process of `gmiseg doctor`: loads the addon and says what it found, as one JSON line. */
import { GmisegError } from '../errors.js';
import { native } from '../native.js';

try {
  const addon = native();
  process.stdout.write(
    `${JSON.stringify({ version: addon.version, runtime: JSON.parse(addon.runtimeInfo()) })}\n`,
  );
} catch (error) {
  const code = error instanceof GmisegError ? error.code : 'ERR_INTERNAL';
  process.stdout.write(`${JSON.stringify({ error: { code, message: (error as Error).message } })}\n`);
  process.exitCode = 1;
}
