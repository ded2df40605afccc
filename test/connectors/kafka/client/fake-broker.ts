/** A broker that answers as a test says: to see how the client meets answers that no real broker gives when asked to. */

import { createServer, type Server, type Socket } from "node:net";
import { Reader } from "../../../../connectors/kafka/protocol/reader.ts";
import { Writer } from "../../../../connectors/kafka/protocol/writer.ts";

export interface ReceivedRequest {
  readonly key: number;
  readonly version: number;
  /** What stands behind its head. */
  readonly body: Reader;
}

/** What becomes of a request: an answer's content, silence, or the end of the connection. */
export type Reaction = ((to: Writer) => void) | "silence" | "close";

export type React = (request: ReceivedRequest, port: number) => Reaction;

const API_VERSIONS = 18;
const METADATA = 3;

export class FakeBroker implements AsyncDisposable {
  readonly received: ReceivedRequest[] = [];
  readonly #react: React;
  readonly #versionMax: number;
  /** How often it was asked who leads what. */
  metadataAsked = 0;
  /** All that were ever made. */
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => this.#serve(socket));
  port = 0;

  /** @param react to all requests but ApiVersions, and Metadata, which names a topic "t" that this broker leads */
  constructor(react: React, versionMax = 99) {
    this.#react = react;
    this.#versionMax = versionMax;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, "127.0.0.1", () => resolve()));
    this.port = (this.#server.address() as { port: number }).port; // a TCP server's address
    return this;
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    let bytes = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
        const end = 4 + bytes.readInt32BE(0);
        this.#answer(socket, bytes.subarray(4, end));
        bytes = bytes.subarray(end);
      }
    });
  }

  #answer(socket: Socket, request: Buffer): void {
    const bodyAt = 10 + request.readInt16BE(8) + 1; // behind the client's id, and no tagged fields
    const head = { key: request.readInt16BE(0), version: request.readInt16BE(2) };
    const received = { ...head, body: new Reader(request, Math.min(bodyAt, request.length)) };
    const number = request.subarray(4, 8);
    if (received.key === API_VERSIONS) send(socket, [number, this.#versions()]);
    else if (received.key === METADATA) {
      this.metadataAsked++;
      send(socket, [number, Buffer.from([0]), this.#metadata()]);
    } else {
      this.received.push(received);
      const reaction = this.#react(received, this.port);
      if (reaction === "close") socket.destroy();
      if (typeof reaction === "function") sendBy(socket, number, reaction);
    }
  }

  #versions(): Buffer {
    const keys = Array.from({ length: 80 }, (_, key) => key);
    const writer = new Writer().int16(0).int32(keys.length);
    for (const key of keys)
      writer
        .int16(key)
        .int16(0)
        .int16(key === API_VERSIONS ? 2 : this.#versionMax);
    return Buffer.concat(writer.int32(0).parts());
  }

  #metadata(): Buffer {
    const writer = new Writer().int32(0);
    writer.array([0], () => writer.int32(1).text("127.0.0.1").int32(this.port).text(null).end());
    writer.text("cluster").int32(1);
    writer.array(["t"], (topic) => {
      writer.int16(0).text(topic).bool(false);
      writer.array([0, 1], (partition) => {
        writer.int16(0).int32(partition).int32(1).int32(5);
        for (let list = 0; list < 3; list++) writer.array([1], (node) => writer.int32(node));
        writer.end();
      });
      writer.int32(0).end();
    });
    return Buffer.concat(writer.int32(0).end().parts());
  }

  /** Ends all connections. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disconnect();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function sendBy(socket: Socket, number: Buffer, reaction: (to: Writer) => void): void {
  const writer = new Writer().end(); // no tagged fields in the head
  reaction(writer);
  send(socket, [number, ...writer.parts()]);
}

function send(socket: Socket, parts: readonly Buffer[]): void {
  const content = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length);
  socket.write(Buffer.concat([length, content]));
}

/** An answer to Produce: of each partition its error and base offset. */
export function produced(...partitions: readonly (readonly [partition: number, error: number])[]): Reaction {
  return (to) => {
    to.array(["t"], (topic) => {
      to.text(topic).array(partitions, ([partition, error]) => {
        to.int32(partition).int16(error).int64(7).int64(-1).int64(0);
        to.array([], () => {})
          .text(error === 0 ? null : "as the test says")
          .end();
      });
      to.end();
    });
    to.int32(0).end();
  };
}

/** What a fetch brings of a partition. */
export interface Given {
  readonly partition: number;
  readonly error?: number;
  readonly records?: Buffer;
}

/** An answer to Fetch with these partitions of the topic "t". */
export function fetched(...partitions: readonly Given[]): Reaction {
  return (to) => {
    to.int32(0).int16(0).int32(0);
    to.array(["t"], (topic) => {
      to.text(topic).array(partitions, ({ partition, error = 0, records = Buffer.alloc(0) }) => {
        to.int32(partition).int16(error).int64(100).int64(100).int64(0);
        to.array([], () => {})
          .int32(-1)
          .bytes(records)
          .end();
      });
      to.end();
    });
    to.end();
  };
}
