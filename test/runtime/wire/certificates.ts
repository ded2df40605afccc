/**
 * Certificates for tests, made when they are needed: an authority and what it issues, as X.509 (RFC 5280) in DER by
 * Node's own cryptography, so that no private key lies in the repository and no other program is needed.
 */

import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import type { TlsIdentity } from "../../../runtime/wire/tls.ts";

interface Authority {
  readonly name: string;
  readonly key: KeyObject;
  readonly pem: string;
}

interface Subject {
  readonly name: string;
  readonly key: KeyObject;
  /** DNS names and IPv4 addresses. */
  readonly hosts: readonly string[];
  readonly authority: boolean;
  readonly validFrom: Date;
  readonly validTo: Date;
}

const day = 86_400_000;

export function newAuthority(name = "test authority"): Authority {
  const key = newKey();
  const subject = { name, key, hosts: [], authority: true, ...validity(-1, 30) };
  return { name, key, pem: certificate(subject, name, key) };
}

/** A certificate with its key, as a process of the cluster shows it. */
export function issue(authority: Authority, options: { hosts?: readonly string[]; days?: number } = {}): TlsIdentity {
  const { hosts = ["localhost", "127.0.0.1"], days = 30 } = options;
  const key = newKey();
  const subject = { name: "test process", key, hosts, authority: false, ...validity(-60, days) };
  return {
    cert: certificate(subject, authority.name, authority.key),
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
    ca: authority.pem,
  };
}

function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

function validity(fromDays: number, toDays: number): Pick<Subject, "validFrom" | "validTo"> {
  return { validFrom: new Date(Date.now() + fromDays * day), validTo: new Date(Date.now() + toDays * day) };
}

const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));

function certificate(subject: Subject, issuer: string, issuerKey: KeyObject): string {
  const signed = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    distinguishedName(issuer),
    sequence(time(subject.validFrom), time(subject.validTo)),
    distinguishedName(subject.name),
    createPublicKey(subject.key).export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(basicConstraints(subject.authority), ...alternativeNames(subject.hosts))),
  );
  const signature = sign("sha256", signed, issuerKey);
  const whole = sequence(signed, ecdsaWithSha256, tagged(0x03, Buffer.from([0]), signature));
  const lines = whole.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function basicConstraints(authority: boolean): Buffer {
  const value = sequence(...(authority ? [tagged(0x01, Buffer.from([0xff]))] : []));
  return sequence(oid(0x55, 0x1d, 0x13), tagged(0x01, Buffer.from([0xff])), tagged(0x04, value));
}

function alternativeNames(hosts: readonly string[]): Buffer[] {
  if (hosts.length === 0) return [];
  const names = hosts.map((host) =>
    /^[\d.]+$/.test(host) ? tagged(0x87, Buffer.from(host.split(".").map(Number))) : tagged(0x82, Buffer.from(host)),
  );
  return [sequence(oid(0x55, 0x1d, 0x11), tagged(0x04, sequence(...names)))];
}

function distinguishedName(name: string): Buffer {
  return sequence(tagged(0x31, sequence(oid(0x55, 0x04, 0x03), tagged(0x0c, Buffer.from(name)))));
}

function time(date: Date): Buffer {
  return tagged(0x18, Buffer.from(date.toISOString().replace(/[-:T]|\.\d+/g, "")));
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes);
}

function oid(...bytes: readonly number[]): Buffer {
  return tagged(0x06, Buffer.from(bytes));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, ...parts);
}

function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), derLength(content.length), content]);
}

function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  return length < 0x100 ? Buffer.from([0x81, length]) : Buffer.from([0x82, length >> 8, length & 0xff]);
}
