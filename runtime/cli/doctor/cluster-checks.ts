/** Whether the cluster that is configured can be reached, and what jobs need outside of it. */

import { existsSync } from "node:fs";
import { request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { connect as connectTcp } from "node:net";
import type { OverviewView } from "../../rest/views.ts";
import { ownVersion } from "../../version.ts";
import { formatAddress, type NetworkAddress } from "../../wire/address.ts";
import { clientTls, type TlsIdentity } from "../../wire/tls.ts";
import { readToken } from "../../wire/token.ts";
import { duration } from "../quantity.ts";
import { bad, type Finding, ok, warning } from "./finding.ts";

/** @throws TOKEN_FILE */
export async function checkToken(path: string): Promise<Finding> {
  if (!existsSync(path)) return ok("token", `none yet at ${path}; a coordinator makes it`);
  await readToken(path);
  return ok("token", `${path}, which nobody else may read`);
}

export function checkOverview(overview: OverviewView, version = ownVersion()): Finding {
  const { workers, "cluster-id": cluster, "millrace-version": theirs, "slots-available": free } = overview;
  const text = `cluster ${cluster} of millrace ${theirs}: ${workers} workers, ${free} free slots`;
  if (theirs !== version) return bad("coordinator", `${text}; this is millrace ${version}: use the same version`);
  return workers === 0 ? warning("coordinator", `${text}; start a worker: millrace worker`) : ok("coordinator", text);
}

const timeoutMs = 3000;

/** A `Date` header says whole seconds, and takes its way. */
const skewToleranceMs = 2000;

/** The coordinator's clock against this one, by the `Date` of an answer; undefined when there is no answer. */
export async function checkSkew(address: NetworkAddress, tls: TlsIdentity | undefined): Promise<Finding> {
  const theirs = await dateOf(address, tls);
  if (theirs === undefined) return warning("clock skew", "the coordinator did not say its time");
  // The header is cut to the second, so on the average it is half of one behind.
  const skew = theirs + 500 - Date.now();
  const text = `the coordinator's clock is within ${duration(skewToleranceMs)} of this one`;
  if (Math.abs(skew) <= skewToleranceMs) return ok("clock skew", text);
  const where = skew > 0 ? "ahead of" : "behind";
  return warning(
    "clock skew",
    `the coordinator's clock is ${duration(Math.abs(skew))} ${where} this one; times in logs and lists will not agree`,
  );
}

function dateOf({ host, port }: NetworkAddress, tls: TlsIdentity | undefined): Promise<number | undefined> {
  return new Promise((resolve) => {
    const options = { host, port, path: "/v1/health", timeout: timeoutMs };
    const request = tls === undefined ? plainRequest(options) : secureRequest({ ...options, ...clientTls(tls) });
    request.on("response", (response) => {
      response.resume();
      const time = Date.parse(response.headers.date ?? "");
      resolve(Number.isNaN(time) ? undefined : time);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(undefined));
    request.on("close", () => resolve(undefined));
    request.end();
  });
}

/** A connection and no more: what speaks there is not asked. */
export async function checkKafka(address: NetworkAddress): Promise<Finding> {
  const where = formatAddress(address);
  const failure = await new Promise<string | undefined>((resolve) => {
    const socket = connectTcp({ ...address, timeout: timeoutMs });
    socket.once("connect", () => resolve(undefined));
    socket.once("timeout", () => resolve(`no answer within ${duration(timeoutMs)}`));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once("close", () => resolve("closed"));
    socket.once("connect", () => socket.destroy()).once("timeout", () => socket.destroy());
  });
  return failure === undefined
    ? ok("kafka", `${where} accepts TCP connections; no request of Kafka was made`)
    : bad("kafka", `no TCP connection to ${where}: ${failure}`);
}
