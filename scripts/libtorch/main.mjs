// Finds LibTorch (fetching it where it must) and prints what was chosen.
//   node scripts/libtorch/main.mjs [--print | --print-version | --json] [--allow-archive]
import { parseArgs } from 'node:util';
import { resolveLibTorch } from './resolve.mjs';

const { values } = parseArgs({
  options: {
    print: { type: 'boolean', default: false },
    'print-version': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    'allow-archive': { type: 'boolean', default: false },
  },
});
try {
  const found = await resolveLibTorch({ allowArchive: values['allow-archive'] });
  if (values.print) console.log(found.path);
  else if (values['print-version']) console.log(found.version);
  else if (values.json) console.log(JSON.stringify(found));
  else console.log(`LibTorch ${found.version} (${found.flavour}) from ${found.source}: ${found.path}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
