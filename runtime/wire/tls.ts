/**
 * Mutual TLS between the processes of a cluster: every process has a certificate of the cluster's own authority and
 * shows it, as server and as client.
 */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { isIP } from "node:net";
import type { SecureContextOptions, TlsOptions } from "node:tls";
import { MillraceError } from "../../core/errors.ts";

export interface TlsFiles {
  /** The certificate and, behind it, those between it and the authority; PEM. */
  readonly cert: string;
  readonly key: string;
  /** The authorities whose certificates are accepted: only these, none of the system's. */
  readonly ca: string;
}

/** What a process shows and whom it believes. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** @throws TLS when a file is missing, is not what it should be, or the three do not fit together. */
export async function loadTls(files: TlsFiles): Promise<TlsIdentity> {
  const [cert, key, ca] = await Promise.all([
    readPem(files.cert, "certificate"),
    readPem(files.key, "key"),
    readPem(files.ca, "certificate of the authority"),
  ]);
  await refuseOpenKey(files.key);
  const certificate = parseCertificate(cert, files.cert);
  parseCertificate(ca, files.ca);
  if (!certificate.checkPrivateKey(parseKey(key, files.key))) {
    throw tlsError(`the key ${files.key} is not the one of the certificate ${files.cert}`);
  }
  refuseExpired(certificate, files.cert);
  return { cert, key, ca };
}

/** For `https.createServer` and `tls.createServer`. */
export function serverTls(identity: TlsIdentity): TlsOptions {
  return { ...context(identity), requestCert: true, rejectUnauthorized: true };
}

/** For `https.request` and `tls.connect`. The server's certificate has to name the host that is connected to. */
export function clientTls(identity: TlsIdentity): SecureContextOptions & { readonly rejectUnauthorized: true } {
  return { ...context(identity), rejectUnauthorized: true };
}

function context({ cert, key, ca }: TlsIdentity): SecureContextOptions {
  return { cert, key, ca, minVersion: "TLSv1.3" };
}

/** Whether a process of this identity is called so: its certificate says it. */
export function isNamedBy({ cert }: TlsIdentity, host: string): boolean {
  const certificate = new X509Certificate(cert);
  return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined;
}

async function readPem(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw tlsError(`cannot read the ${what} ${path}`, cause);
  }
}

/** Groups may read it: secrets are mounted so. */
async function refuseOpenKey(path: string): Promise<void> {
  const { mode } = await stat(path);
  if (process.platform === "win32" || (mode & 0o007) === 0) return;
  throw tlsError(`everyone on this machine may read the key ${path}; run: chmod 600 ${path}`);
}

function parseCertificate(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw tlsError(`${path} is no certificate in PEM form`, cause);
  }
}

function parseKey(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw tlsError(`${path} is no private key in PEM form without a pass phrase`, cause);
  }
}

function refuseExpired({ validFrom, validTo }: X509Certificate, path: string): void {
  const now = Date.now();
  if (now < Date.parse(validFrom)) throw tlsError(`the certificate ${path} is valid from ${validFrom} on`);
  if (now > Date.parse(validTo)) throw tlsError(`the certificate ${path} has expired on ${validTo}; issue a new one`);
}

function tlsError(message: string, cause?: unknown): MillraceError {
  return new MillraceError("TLS", message, { cause });
}
