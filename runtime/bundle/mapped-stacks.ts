/**
 * Stacks that name the user's own files instead of the bundle's lines: `job:///examples/clicks.ts:12:20`.
 *
 * Node's own support for source maps reads every map at import, 16 ms a thread. Here the map is read when the first stack
 * with a line of the bundle is looked at, which a job without errors never does.
 */

import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

/** URL of each bundle → its map: undefined before it is needed, null where there is none. */
const maps = new Map<string, SourceMap | null | undefined>();

/** From now on, in this thread. May be called for several bundles. REQUIRES: the file stays as long as errors may be shown. */
export function mapStacksOf(bundleUrl: string): void {
  if (maps.size === 0) Error.prepareStackTrace = mappedStack;
  if (!maps.has(bundleUrl)) maps.set(bundleUrl, undefined);
}

/** What V8 writes, with the bundles' places replaced. */
function mappedStack(error: Error, frames: readonly NodeJS.CallSite[]): string {
  const head = Error.prototype.toString.call(error);
  return [head, ...frames.map((frame) => `    at ${mappedFrame(String(frame))}`)].join("\n");
}

const place = /(file:\/\/[^\s()]+):(\d+):(\d+)/;

function mappedFrame(frame: string): string {
  return frame.replace(place, (text, url: string, line: string, column: string) => {
    const origin = mapOf(url)?.findOrigin(Number(line), Number(column));
    if (origin === undefined || !("fileName" in origin)) return text;
    return `${origin.fileName}:${origin.lineNumber}:${origin.columnNumber}`;
  });
}

function mapOf(url: string): SourceMap | null | undefined {
  if (maps.has(url) && maps.get(url) === undefined) maps.set(url, readMap(url));
  return maps.get(url);
}

function readMap(url: string): SourceMap | null {
  const text = readFileSync(fileURLToPath(url), "utf8");
  const [, encoded] = /\n\/\/# sourceMappingURL=data:application\/json;base64,([\w+/=]+)\s*$/.exec(text) ?? [];
  return encoded === undefined ? null : new SourceMap(JSON.parse(Buffer.from(encoded, "base64").toString("utf8")));
}
