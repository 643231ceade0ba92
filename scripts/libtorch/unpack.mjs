import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';

/**
 * Unpacks the files of a zip archive that `wanted` keeps.
 *
 * @param {string} archive
 * @param {string} target an empty folder
 * @param {(name: string) => boolean} wanted
 * @returns {Promise<Map<string, string>>} name in the archive -> sha256 (base64url) of what was written
 */
export async function unzip(archive, target, wanted) {
  // yauzl refuses absolute names, drive letters, ".." and back slashes as well; insideOf is the second belt.
  const zip = await new Promise(
    /** @param {(zip: yauzl.ZipFile) => void} done */ (done, fail) => {
      yauzl.open(archive, { lazyEntries: true, autoClose: true }, (error, opened) =>
        error || !opened ? fail(error ?? new Error(`${archive} cannot be opened`)) : done(opened),
      );
    },
  );
  /** @type {Map<string, string>} */
  const written = new Map();
  await new Promise(
    /** @param {(value: void) => void} done */ (done, fail) => {
      const give_up = (/** @type {unknown} */ error) => {
        zip.close();
        fail(error);
      };
      zip.on('error', fail);
      zip.on('end', () => done());
      zip.on('entry', (/** @type {yauzl.Entry} */ entry) => {
        const name = entry.fileName;
        if (name.endsWith('/') || !wanted(name)) return zip.readEntry();
        extract(zip, entry, insideOf(target, name)).then((sha256) => {
          written.set(name, sha256);
          zip.readEntry();
        }, give_up);
      });
      zip.readEntry();
    },
  );
  return written;
}

/**
 * @param {string} folder
 * @param {string} name a name out of an archive
 * @returns {string} the path below `folder`
 */
function insideOf(folder, name) {
  const path = resolve(folder, name);
  const below = relative(resolve(folder), path);
  if (!below || below === '..' || below.startsWith(`..${sep}`) || isAbsolute(below)) {
    throw new Error(`the archive holds "${name}", which would be written outside of ${folder}`);
  }
  return path;
}

/**
 * @param {yauzl.ZipFile} zip
 * @param {yauzl.Entry} entry
 * @param {string} path
 */
async function extract(zip, entry, path) {
  const stream = await new Promise(
    /** @param {(stream: import('node:stream').Readable) => void} done */ (done, fail) => {
      zip.openReadStream(entry, (error, opened) =>
        error || !opened ? fail(error ?? new Error(`${entry.fileName} cannot be read`)) : done(opened),
      );
    },
  );
  const hash = createHash('sha256');
  const tap = new Transform({
    transform(chunk, _encoding, next) {
      hash.update(chunk);
      next(null, chunk);
    },
  });
  mkdirSync(dirname(path), { recursive: true });
  await pipeline(stream, tap, createWriteStream(path, { flags: 'wx' }));
  return hash.digest('base64url');
}

/**
 * @param {string} path
 * @param {'base64url' | 'hex'} encoding
 */
export async function sha256Of(path, encoding) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest(encoding);
}

/**
 * The sha256 of every file of an installed package or wheel, as its RECORD states them.
 *
 * @param {string} text lines of `path,sha256=<base64url>,size`; a path with a comma is quoted
 * @returns {Map<string, string>}
 */
export function parseRecord(text) {
  /** @type {Map<string, string>} */
  const record = new Map();
  for (const line of text.split(/\r?\n/)) {
    const match = line.match(/^(?:"((?:[^"]|"")*)"|([^,]*)),(?:sha256=([A-Za-z0-9_-]+))?,\d*$/);
    if (!match?.[3]) continue;
    record.set(match[1] === undefined ? String(match[2]) : match[1].replaceAll('""', '"'), match[3]);
  }
  return record;
}

/**
 * @param {Map<string, string>} files name -> sha256 (base64url)
 * @param {Map<string, string>} record
 * @throws {Error} naming the first file that is not what the RECORD says
 */
export function checkRecord(files, record) {
  for (const [name, sha256] of files) {
    if (/\.dist-info\/RECORD$/.test(name)) continue;
    const expected = record.get(name);
    if (expected === undefined) throw new Error(`${name} is not in the wheel's RECORD`);
    if (expected !== sha256) {
      throw new Error(
        `${name} does not have the sha256 that the wheel's RECORD states: the wheel is damaged`,
      );
    }
  }
}
