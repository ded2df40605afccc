/** What both sides of the control connection's upgrade have to agree on. */

import { Socket } from "node:net";
import type { Duplex } from "node:stream";

export const CONTROL_PATH = "/v1/control";
export const CONTROL_UPGRADE = "millrace-control";

/** So long nothing is heard before the system asks whether the other machine is still there. */
const keepAliveAfterMs = 10_000;

/** Makes an upgraded HTTP socket carry messages: at once, and without HTTP's time-outs. */
export function prepareSocket(stream: Duplex, head: Buffer): void {
  if (stream instanceof Socket) {
    stream.setTimeout(0);
    stream.setNoDelay(true);
    stream.setKeepAlive(true, keepAliveAfterMs);
  }
  // Bytes that came in one piece with the end of the header.
  if (head.length > 0) stream.unshift(head);
}
