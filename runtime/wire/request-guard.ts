/**
 * Who may talk to the coordinator: checked before anything else of a request is looked at, by REST and control alike.
 *
 * 1. `Host` must name this coordinator: a foreign name that leads here is another site's (DNS rebinding).
 * 2. `Origin`, which only browsers send, must be the coordinator itself.
 * 3. The token must be right.
 */

import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { MillraceError } from "../../core/errors.ts";
import { isLoopback } from "./address.ts";
import { isNamedBy, type TlsIdentity } from "./tls.ts";
import { bearerToken, sameToken } from "./token.ts";

export interface AccessRules {
  readonly token: string;
  /** Names and addresses by which the coordinator is called, beside the loopback ones and those of its certificate. */
  readonly allowHosts?: readonly string[];
  readonly tls?: TlsIdentity | undefined;
}

/** @throws FORBIDDEN when the request is meant for, or comes from, another site; BAD_REQUEST for another's whole address. */
export function checkSite(request: IncomingMessage, rules: AccessRules): void {
  // Where a whole address is asked for, its host counts and not the header's; only proxies need to take that.
  if (request.url?.startsWith("/") !== true) {
    throw new MillraceError("BAD_REQUEST", "expected a path that begins with /, got a whole address");
  }
  const [header = "", ...more] = request.headersDistinct["host"] ?? [];
  const host = hostOf(header);
  if (more.length > 0 || host === undefined || !isOwnName(host, rules)) {
    throw new MillraceError(
      "FORBIDDEN",
      `the Host header names "${header}", which is not this coordinator; use its address, or start it with --allow-host`,
    );
  }
  const { origin } = request.headers;
  const own = `${"encrypted" in request.socket ? "https" : "http"}://${header}`;
  if (origin !== undefined && !sameName(origin, own)) {
    throw new MillraceError("FORBIDDEN", `a page of "${origin}" may not use this coordinator`);
  }
}

function isOwnName(host: string, { allowHosts = [], tls }: AccessRules): boolean {
  if (isLoopback(host) || allowHosts.some((name) => sameName(name, host))) return true;
  return tls !== undefined && isNamedBy(tls, host);
}

/** @throws UNAUTHORIZED when the request does not carry the token. */
export function checkToken(request: IncomingMessage, { token }: AccessRules): void {
  const given = bearerToken(request.headers.authorization);
  if (given !== undefined && sameToken(given, token)) return;
  const what = given === undefined ? "carries no token" : "carries another token than this cluster's";
  throw new MillraceError("UNAUTHORIZED", `the request ${what}; send "Authorization: Bearer …" with the token's file`);
}

/** The name or address of a Host header, without its port and brackets. */
function hostOf(header: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?$/.exec(header) ?? [];
  return bracketed === undefined || isIP(bracketed) === 6 ? (bracketed ?? plain) : undefined;
}

function sameName(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}
