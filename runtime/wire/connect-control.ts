/** A worker's way to its coordinator: an HTTP request that becomes a message connection. */

import { type ClientRequest, type IncomingMessage, request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import type { Duplex } from "node:stream";
import type { MillraceError } from "../../core/errors.ts";
import { formatAddress, type NetworkAddress } from "./address.ts";
import { answerError, connectError, timeoutError } from "./connect-error.ts";
import type { ConnectionToCoordinator, CoordinatorMessage, WorkerMessage } from "./connection.ts";
import { CONTROL_PATH, CONTROL_UPGRADE, prepareSocket } from "./control-upgrade.ts";
import { checkConnect } from "./listen-rule.ts";
import { MessageSocket } from "./message-socket.ts";
import { readAnswer } from "./read-answer.ts";
import { clientTls, type TlsIdentity } from "./tls.ts";

export interface ConnectOptions extends NetworkAddress {
  readonly token: string;
  readonly tls?: TlsIdentity | undefined;
  /** For the whole way until the coordinator has taken the connection. */
  readonly timeoutMs: number;
}

/**
 * @throws COORDINATOR_UNREACHABLE when nobody answers in time; UNAUTHORIZED, FORBIDDEN, NOT_READY as the coordinator
 * says; NOT_A_COORDINATOR, TLS, INSECURE.
 */
export async function connectControl(options: ConnectOptions): Promise<ConnectionToCoordinator> {
  checkConnect(options.host, { tls: options.tls });
  const request = upgradeRequest(options);
  const timer = setTimeout(() => request.destroy(timeoutError(options, options.timeoutMs)), options.timeoutMs);
  try {
    const stream = await upgraded(request, options);
    return new MessageSocket<WorkerMessage, CoordinatorMessage>(stream, { peer: formatAddress(options) });
  } finally {
    clearTimeout(timer);
    // What fails later is the socket's, not the request's.
    request.on("error", () => {});
  }
}

function upgradeRequest({ host, port, token, tls }: ConnectOptions): ClientRequest {
  const common = {
    host,
    port,
    path: CONTROL_PATH,
    agent: false,
    headers: { connection: "Upgrade", upgrade: CONTROL_UPGRADE, authorization: `Bearer ${token}` },
  };
  return tls === undefined ? plainRequest(common) : secureRequest({ ...common, ...clientTls(tls) });
}

function upgraded(request: ClientRequest, options: ConnectOptions): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    request.on("error", (error) => reject(connectError(error, options, options.tls !== undefined)));
    request.on("response", (response) => {
      refusal(response, options).then(reject, reject);
    });
    request.on("upgrade", (response: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (response.headers.upgrade !== CONTROL_UPGRADE) {
        socket.destroy();
        reject(answerError({ status: 101, body: "" }, options));
        return;
      }
      prepareSocket(socket, head);
      resolve(socket);
    });
    request.end();
  });
}

async function refusal(response: IncomingMessage, options: ConnectOptions): Promise<MillraceError> {
  try {
    return answerError(await readAnswer(response), options);
  } catch (error) {
    return connectError(error, options, options.tls !== undefined);
  } finally {
    response.destroy();
  }
}
