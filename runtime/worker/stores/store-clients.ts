/** Connections to other workers' stores: one a worker and epoch, made when it is first asked, ended when nobody uses it. */

import { STORE_IDLE_MS } from "../../../core/limits.ts";
import type { CallAfter, Exchange } from "../../exchange/link/link-contract.ts";
import type { AnswerOf, StoreAddress, StoreRequest } from "../../store-protocol.ts";
import { StoreConnection, unreachable } from "./store-connection.ts";

export interface StoreClientsOptions {
  readonly exchange: Pick<Exchange, "dialStores">;
  readonly callAfter: CallAfter;
}

export class StoreClients {
  readonly #options: StoreClientsOptions;
  readonly #connections = new Map<string, Promise<StoreConnection>>();
  readonly #idling = new Map<string, () => void>();

  constructor(options: StoreClientsOptions) {
    this.#options = options;
  }

  /** @throws CHECKPOINT_STORE when the worker cannot be reached in that epoch, or what it failed with. */
  async ask<Request extends StoreRequest>(address: StoreAddress, request: Request): Promise<AnswerOf<Request>> {
    const key = `${address.worker}/${address.epoch}`;
    const connecting = this.#connections.get(key) ?? this.#connect(key, address);
    const connection = await connecting;
    try {
      return await connection.ask(request);
    } finally {
      this.#idleSoon(key, connection);
    }
  }

  close(): void {
    for (const cancel of this.#idling.values()) cancel();
    this.#idling.clear();
    for (const connecting of this.#connections.values())
      void connecting.then(
        (connection) => connection.end("the worker ends"),
        () => {},
      );
  }

  #connect(key: string, address: StoreAddress): Promise<StoreConnection> {
    const { exchange, callAfter } = this.#options;
    const whose = `worker ${address.worker}`;
    const connecting = new Promise<StoreConnection>((resolve, reject) => {
      exchange.dialStores(address, (connection, reason) => {
        if (connection === undefined) reject(unreachable(whose, reason));
        else resolve(new StoreConnection(connection, whose, callAfter, () => this.#ended(key)));
      });
    });
    this.#connections.set(key, connecting);
    // Whoever asks is told; the next one tries again.
    connecting.catch(() => this.#ended(key));
    return connecting;
  }

  #ended(key: string): void {
    this.#connections.delete(key);
    this.#idling.get(key)?.();
    this.#idling.delete(key);
  }

  #idleSoon(key: string, connection: StoreConnection): void {
    this.#idling.get(key)?.();
    if (!this.#connections.has(key)) return;
    const end = (): void => {
      if (connection.idle) connection.end("nobody has used it for a while");
      else this.#idleSoon(key, connection);
    };
    this.#idling.set(key, this.#options.callAfter(STORE_IDLE_MS, end));
  }
}
