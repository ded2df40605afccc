/**
 * Where the coordinator is: by option, by environment variable, or by the data folder of a cluster that was started in the
 * same folder.
 */

import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { MillraceError } from "../../core/errors.ts";
import type { RestClient, RestClientOptions } from "../rest/client.ts";
import type { TlsFiles } from "../wire/tls.ts";
import { readClusterFile } from "./cluster-file.ts";

export interface TlsOptions {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
}

export interface ConnectionOptions extends TlsOptions {
  readonly coordinator?: string;
  readonly tokenFile?: string;
  readonly data: string;
}

export const DATA_FOLDER_DEFAULT = ".millrace";
export const COORDINATOR_DEFAULT = "127.0.0.1:8081";

export function withConnection(command: Command): Command {
  const coordinator = `the coordinator's address (default: that of the cluster in --data, else ${COORDINATOR_DEFAULT})`;
  const token = "the file with the cluster's token (default: that of the cluster in --data)";
  return withTls(
    withData(command)
      .addOption(new Option("--coordinator <host:port>", coordinator).env("MILLRACE_COORDINATOR"))
      .addOption(new Option("--token-file <file>", token).env("MILLRACE_TOKEN_FILE")),
  );
}

export function withData(command: Command): Command {
  const data = new Option("--data <folder>", "the coordinator's data folder").env("MILLRACE_DATA");
  return command.addOption(data.default(DATA_FOLDER_DEFAULT));
}

export function withTls(command: Command): Command {
  return command
    .addOption(new Option("--tls-cert <file>", "the certificate to show, PEM").env("MILLRACE_TLS_CERT"))
    .addOption(new Option("--tls-key <file>", "its key, PEM").env("MILLRACE_TLS_KEY"))
    .addOption(new Option("--tls-ca <file>", "the authorities to believe, PEM").env("MILLRACE_TLS_CA"));
}

/** @throws BAD_OPTION when some of the three are given and some not. */
export function tlsFiles({ tlsCert, tlsKey, tlsCa }: TlsOptions): TlsFiles | undefined {
  if (tlsCert === undefined && tlsKey === undefined && tlsCa === undefined) return undefined;
  if (tlsCert !== undefined && tlsKey !== undefined && tlsCa !== undefined) {
    return { cert: resolve(tlsCert), key: resolve(tlsKey), ca: resolve(tlsCa) };
  }
  throw new MillraceError("BAD_OPTION", "--tls-cert, --tls-key and --tls-ca belong together; give all three or none");
}

/** Where the coordinator is and what to show it, not yet tried. */
export interface Whereabouts {
  readonly address: string;
  readonly tokenFile: string;
  readonly tls: TlsFiles | undefined;
}

export async function whereabouts(options: ConnectionOptions): Promise<Whereabouts> {
  const { data, coordinator, tokenFile } = options;
  const known = coordinator !== undefined && tokenFile !== undefined ? undefined : await readClusterFile(data);
  return {
    address: coordinator ?? known?.address ?? COORDINATOR_DEFAULT,
    tokenFile: resolve(tokenFile ?? known?.tokenFile ?? join(data, "token")),
    tls: tlsFiles(options) ?? known?.tls,
  };
}

/** A client of the coordinator, which has not been asked anything yet. The caller closes it. */
export async function connect(options: ConnectionOptions): Promise<RestClient> {
  const { RestClient } = await import("../rest/client.ts");
  return new RestClient(await clientOptions(options));
}

async function clientOptions(options: ConnectionOptions): Promise<RestClientOptions> {
  const { parseAddress } = await import("../wire/address.ts");
  const { readToken } = await import("../wire/token.ts");
  const { address, tokenFile, tls } = await whereabouts(options);
  const { host, port } = parseAddress(address);
  return { host, port, token: await readToken(tokenFile), tls: tls && (await loadIdentity(tls)) };
}

async function loadIdentity(files: TlsFiles): Promise<RestClientOptions["tls"]> {
  const { loadTls } = await import("../wire/tls.ts");
  return await loadTls(files);
}

/** Runs a command with a client, which is closed at its end. */
export async function withClient<Result>(
  options: ConnectionOptions,
  use: (client: RestClient) => Promise<Result>,
): Promise<Result> {
  const client = await connect(options);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
