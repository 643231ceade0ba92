// npm run build [-- --gyp] [--if-stale] [--allow-archive]: builds the native addon and, in a checkout, dist/.
import { parseArgs } from 'node:util';
import { buildAddon } from './lib/addon.mjs';
import { IS_CHECKOUT, say } from './lib/project.mjs';
import { buildDist, isDistFresh } from './lib/typescript.mjs';

const { values } = parseArgs({
  options: {
    gyp: { type: 'boolean', default: false },
    'if-stale': { type: 'boolean', default: false },
    'allow-archive': { type: 'boolean', default: false },
  },
});
try {
  await buildAddon(values.gyp ? 'gyp' : 'cmake', {
    force: !values['if-stale'],
    allowArchive: values['allow-archive'],
  });
  if (IS_CHECKOUT && !isDistFresh() && !(await buildDist())) process.exitCode = 1;
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
