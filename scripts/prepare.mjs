// npm's prepare step: compiles TypeScript in a checkout. An installed package has dist/ already and no compiler.
import { IS_CHECKOUT, resolveDependency, say } from './lib/project.mjs';
import { buildDist, isDistFresh } from './lib/typescript.mjs';

if (IS_CHECKOUT && !isDistFresh()) {
  if (!resolveDependency('typescript/bin/tsc')) {
    say(
      'TypeScript is not installed, so dist/ is not made: without development dependencies, install the package',
    );
  } else if (!(await buildDist())) process.exitCode = 1;
}
