/** Reads the whole body of an HTTP answer as text, up to a bound. */

import type { IncomingMessage } from "node:http";
import { MillraceError } from "../../core/errors.ts";
import type { Answer } from "./connect-error.ts";

/** Error bodies are a few lines; what answers more is no coordinator. */
const refusalBytesMax = 256 * 1024;

export async function readAnswer(response: IncomingMessage, bytesMax = refusalBytesMax): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new MillraceError("NOT_A_COORDINATOR", `the answer is longer than the ${bytesMax} bytes that are expected`);
    }
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") };
}
