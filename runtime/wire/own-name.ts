/**
 * By which name a process is reached that listens on all addresses of its machine: 0.0.0.0 and :: are none that anybody
 * could connect to, let alone one that a certificate names. Its own certificate says how it is called.
 */

import { X509Certificate } from "node:crypto";
import { BlockList, isIP } from "node:net";
import { isLoopback } from "./address.ts";
import type { TlsIdentity } from "./tls.ts";

const everywhere = new BlockList();
everywhere.addAddress("0.0.0.0", "ipv4");
everywhere.addAddress("::", "ipv6");

/** Whether a host stands for all addresses of the machine. */
export function isEverywhere(host: string): boolean {
  const version = isIP(host);
  return version !== 0 && everywhere.check(host, version === 6 ? "ipv6" : "ipv4");
}

/** For processes of the same machine: a loopback name if the certificate has one. */
export function nameFromHere(host: string, tls: TlsIdentity | undefined): string {
  if (!isEverywhere(host)) return host;
  const names = namesOf(tls);
  return names.find(isLoopback) ?? names[0] ?? "localhost";
}

/** For processes of other machines: a name of the certificate that is not loopback, if it has one. */
export function nameFromElsewhere(host: string, tls: TlsIdentity | undefined): string {
  if (!isEverywhere(host)) return host;
  const names = namesOf(tls);
  return names.find((name) => !isLoopback(name)) ?? names[0] ?? "localhost";
}

/** The names and addresses of a certificate, in its order. A pattern such as *.example.org is no name. */
function namesOf(tls: TlsIdentity | undefined): string[] {
  if (tls === undefined) return [];
  const { subjectAltName = "" } = new X509Certificate(tls.cert);
  return [...subjectAltName.matchAll(/(?:^|, )(?:DNS|IP Address):([^,"*]+)(?=,|$)/g)].map(([, name]) => name as string);
}
