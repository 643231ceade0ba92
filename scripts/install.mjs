// npm's install step: builds the native addon with the LibTorch that the machine has, or fetches one (scripts/libtorch).
import { buildAddon, staleAddon } from './lib/addon.mjs';
import { say } from './lib/project.mjs';

if (process.env.GMISEG_SKIP_BUILD === '1') {
  say('GMISEG_SKIP_BUILD=1: the native addon is not built; `npm rebuild gmiseg` builds it later');
} else if (process.platform !== 'linux') {
  say(
    `the native addon builds on Linux only, not on ${process.platform} (GMISEG_SKIP_BUILD=1 installs without it)`,
  );
  process.exitCode = 1;
} else if (staleAddon('cmake')) {
  try {
    await buildAddon('cmake');
  } catch (error) {
    say(`the native addon could not be built: ${error instanceof Error ? error.message : String(error)}`);
    say('GMISEG_SKIP_BUILD=1 installs without it; docs/install.md tells what it needs');
    process.exitCode = 1;
  }
}
