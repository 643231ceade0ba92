/** Serves a folder on 127.0.0.1, with listings that pip reads as an index. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import type { Test } from 'tap';

/** @returns the server's address and the paths asked for; it is closed with the test */
export async function serveFolder(t: Test, folder: string): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const name = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname));
    asked.push(name);
    const path = join(folder, name);
    if (!existsSync(path)) {
      response.writeHead(404).end();
    } else if (statSync(path).isDirectory()) {
      const links = readdirSync(path).map((file) => `<a href="${encodeURIComponent(file)}">${file}</a>`);
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end(`<html><body>${links.join('\n')}</body></html>`);
    } else {
      response.writeHead(200).end(readFileSync(path));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
