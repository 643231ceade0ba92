/** The loader of gmiseg.node, and the only file that loads it. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { NativeModule } from '../types/native.js';
import { GmisegError } from './errors.js';
import { packageRoot } from './package-root.js';

export type * from '../types/native.js';

/** Where an addon may lie below the package's root: cmake-js first, then node-gyp. */
export const BUILD_OUTPUTS = ['build-cmake/Release/gmiseg.node', 'build/Release/gmiseg.node'];

let loaded: NativeModule | undefined;

/**
 * The addon, loaded at the first call: importing gmiseg does not load LibTorch.
 *
 * Looked for at GMISEG_BINDING (and nowhere else where that is set), then in build-cmake/Release and
 * build/Release of the package. Unless OMP_WAIT_POLICY is set, the first call sets it to `passive`: LibTorch's
 * threads then sleep between two pieces of work instead of spinning, which costs little on an idle machine and
 * saves a busy one from slowing down many times over. Set it to `active` to have the spinning back. Inside a
 * worker thread the setting has no effect; load in the main thread first, or set it for the process.
 *
 * @throws GmisegError ERR_BINDING_NOT_FOUND, ERR_BINDING_INCOMPATIBLE
 */
export function native(): NativeModule {
  loaded ??= load();
  return loaded;
}

function load(): NativeModule {
  const { path: root, version } = packageRoot();
  const wanted = process.env.GMISEG_BINDING;
  const candidates = wanted ? [resolve(wanted)] : BUILD_OUTPUTS.map((output) => join(root, output));
  process.env.OMP_WAIT_POLICY ??= 'passive';

  const tried: string[] = [];
  const causes: unknown[] = [];
  for (const candidate of candidates) {
    if (!existsSync(candidate)) {
      tried.push(`${candidate}: no such file`);
      continue;
    }
    try {
      const addon = createRequire(import.meta.url)(candidate) as NativeModule;
      checkVersions(addon, candidate, version);
      return addon;
    } catch (error) {
      if (error instanceof GmisegError) throw error;
      tried.push(`${candidate}: ${error instanceof Error ? error.message : String(error)}`);
      causes.push(error);
    }
  }
  const remedy = wanted
    ? 'Point GMISEG_BINDING to a gmiseg.node, or unset it to use the one of the package.'
    : `Build it: run \`npm run build\` in ${root} (docs/install.md has what that needs).`;
  throw new GmisegError(
    'ERR_BINDING_NOT_FOUND',
    `The native addon gmiseg.node could not be loaded. Tried:\n${tried.map((line) => `  ${line}`).join('\n')}\n${remedy}`,
    { cause: causes[0], details: { tried: candidates } },
  );
}

/** An addon of another version may lack calls or have other ones; another LibTorch may crash. */
function checkVersions(addon: NativeModule, path: string, version: string): void {
  if (addon.version !== version) {
    throw new GmisegError(
      'ERR_BINDING_INCOMPATIBLE',
      `${path} is of gmiseg ${addon.version}, but this package is ${version}. Run \`npm run build\`.`,
      { details: { path, found: addon.version, expected: version } },
    );
  }
  const { torch, torchBuilt, error } = JSON.parse(addon.runtimeInfo()) as {
    torch?: string;
    torchBuilt: string;
    error?: string;
  };
  if (torch === undefined) {
    throw new GmisegError(
      'ERR_BINDING_INCOMPATIBLE',
      `${path} was built against LibTorch ${torchBuilt}, but the one that was loaded does not tell its version. Run \`npm run build\`.`,
      { cause: error, details: { path, expected: torchBuilt } },
    );
  }
  if (release(torch) !== release(torchBuilt)) {
    throw new GmisegError(
      'ERR_BINDING_INCOMPATIBLE',
      `${path} was built against LibTorch ${torchBuilt}, but LibTorch ${torch} was loaded. ` +
        `Run \`npm run build\`, or set LIBTORCH back to the folder it was built with.`,
      { details: { path, found: torch, expected: torchBuilt } },
    );
  }
}

/** `2.13.0+cpu` -> `2.13.0`: CPU and CUDA builds of one release are alike to us. */
function release(version: string): string {
  return version.replace(/\+.*$/, '');
}
