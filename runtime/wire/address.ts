/** Addresses of coordinators as people write them, and which of them stay on this machine. */

import { BlockList, isIP } from "node:net";
import { MillraceError } from "../../core/errors.ts";

export interface NetworkAddress {
  /** A name or an IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

const pattern = /^(?:\[([0-9a-fA-F:.%]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/;

/** Reads "host:port" or "[IPv6]:port". @throws BAD_OPTION */
export function parseAddress(text: string): NetworkAddress {
  const [, bracketed, plain, digits] = pattern.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    throw new MillraceError("BAD_OPTION", `expected an address such as 127.0.0.1:8081 or [::1]:8081, got "${text}"`);
  }
  return { host, port };
}

export function formatAddress({ host, port }: NetworkAddress): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether a host can be reached from this machine only. A name is not looked up: of all names only "localhost" can. */
export function isLoopback(host: string): boolean {
  const version = isIP(host);
  return version === 0 ? host.toLowerCase() === "localhost" : loopback.check(host, version === 6 ? "ipv6" : "ipv4");
}
