/** Formats whose values are texts and bytes as they are. */

import type { Format } from "./format.ts";

/** Values are the UTF-8 texts. What is no UTF-8 becomes U+FFFD. */
export function text(): Format<string> {
  return Object.freeze<Format<string>>({
    name: "text",
    decoder: () => ({ decode: (from, start, end) => from.toString("utf8", start, end) }),
    encoder: () => ({ encode: (value) => value }),
  });
}

/** Values are copies of the bytes. */
export function bytes(): Format<Uint8Array> {
  return Object.freeze<Format<Uint8Array>>({
    name: "bytes",
    decoder: () => ({ decode: (from, start, end) => new Uint8Array(from.subarray(start, end)) }),
    encoder: () => ({ encode: (value) => value }),
  });
}
