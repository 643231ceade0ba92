// Makes a checkout runnable: dependencies, native addon, dist/. Quick where all is there.
// Imports Node's own modules only, directly or not: node_modules may be missing.
import { join } from 'node:path';
import { staleAddon } from './lib/addon.mjs';
import { staleDependency } from './lib/dependencies.mjs';
import { runInherited } from './lib/exec.mjs';
import { ROOT, say } from './lib/project.mjs';
import { buildDist, isDistFresh } from './lib/typescript.mjs';

const OLDEST_NODE = [20, 17];

/** @returns {Promise<boolean>} false where a step failed and said so */
async function setUp() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [needMajor = 0, needMinor = 0] = OLDEST_NODE;
  if (major < needMajor || (major === needMajor && minor < needMinor)) {
    say(`Node ${process.versions.node} is too old; ${OLDEST_NODE.join('.')} or newer is needed`);
    return false;
  }

  const difference = staleDependency();
  if (difference) {
    say(`installing dependencies: ${difference}`);
    // The addon is built below, where its output is seen.
    const status = await runInherited('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: ROOT,
    });
    if (status !== 0) return false;
  }

  if (process.env.GMISEG_BINDING) {
    say(`using the addon that GMISEG_BINDING names: ${process.env.GMISEG_BINDING}`);
  } else if (staleAddon('cmake')) {
    const build = join(ROOT, 'scripts', 'install.mjs');
    if ((await runInherited(process.execPath, [build], { cwd: ROOT })) !== 0) return false;
  }

  return isDistFresh() || (await buildDist());
}

if (!(await setUp())) process.exit(1);
