// npm's prepare step: compiles TypeScript in a checkout. An installed package has dist/ already and no compiler.
import { IS_CHECKOUT, resolveDependency } from './lib/project.mjs';
import { buildDist, isDistFresh } from './lib/typescript.mjs';

if (IS_CHECKOUT && resolveDependency('typescript/bin/tsc') && !isDistFresh()) {
  if (!(await buildDist())) process.exitCode = 1;
}
