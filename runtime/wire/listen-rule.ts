/**
 * Closed by default: who may listen where, and who may connect whereto.
 *
 * The law: what leaves the machine is encrypted, and both ends have shown who they are. Job code is trusted code, so
 * whoever can submit can run anything: an open port would be an open machine.
 */

import { MillraceError } from "../../core/errors.ts";
import { isLoopback } from "./address.ts";
import type { TlsIdentity } from "./tls.ts";

export interface Protection {
  readonly token: string | undefined;
  readonly tls: TlsIdentity | undefined;
}

/** @throws INSECURE when the host is not a loopback address and token or TLS is missing. */
export function checkListen(host: string, { token, tls }: Protection): void {
  if (isLoopback(host) || (token !== undefined && tls !== undefined)) return;
  const missing = [...(token === undefined ? ["a token"] : []), ...(tls === undefined ? ["TLS"] : [])].join(" and ");
  throw new MillraceError(
    "INSECURE",
    `"${host}" can be reached from other machines, so listening there needs ${missing}; give --tls-cert, --tls-key and --tls-ca, or listen on 127.0.0.1`,
  );
}

/** @throws INSECURE when a token would leave the machine unencrypted. */
export function checkConnect(host: string, { tls }: Pick<Protection, "tls">): void {
  if (isLoopback(host) || tls !== undefined) return;
  throw new MillraceError(
    "INSECURE",
    `"${host}" is another machine, and without TLS the token could be read on the way; give --tls-cert, --tls-key and --tls-ca, or go through a tunnel that ends at 127.0.0.1`,
  );
}
