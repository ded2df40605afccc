import fc from "fast-check";
import { expect, test } from "vitest";
import type { ClusterId, WorkerId } from "../../../../runtime/cluster-ids.ts";
import { pushBytes } from "../../../../runtime/exchange/link/frame-reader.ts";
import {
  AcceptingHandshake,
  DialingHandshake,
  type HandshakeOptions,
  type Identity,
  type Membership,
  type Refusal,
  refusals,
} from "../../../../runtime/exchange/link/handshake.ts";
import { LINK_VERSION, LinkViolation } from "../../../../runtime/exchange/link/link-frame.ts";

const cluster = "cluster-1" as ClusterId;
const a = { worker: "a" as WorkerId, epoch: 3 };
const b = { worker: "b" as WorkerId, epoch: 5 };

interface Setup {
  readonly dialer?: Partial<Membership>;
  readonly accepter?: Membership | undefined;
  readonly wanted?: Partial<Identity>;
  readonly dialerToken?: string;
  readonly dialerBinding?: string;
  readonly judge?: Refusal;
  /** What a message becomes on its way: the first is number 0. */
  readonly onTheWay?: (message: Uint8Array, number: number) => Uint8Array;
}

interface Outcome {
  /** Whom each side takes the other for, or why it refuses. */
  dialer?: Identity | string;
  accepter?: Identity | string;
  readonly messages: Uint8Array[];
}

function shake(setup: Setup = {}): Outcome {
  const outcome: Outcome = { messages: [] };
  const queue: [to: "dialer" | "accepter", message: Uint8Array][] = [];
  const options = (side: "dialer" | "accepter", token: string, binding: string): HandshakeOptions => ({
    token,
    binding: () => Buffer.from(binding),
    send: (message) => {
      const number = outcome.messages.push(message) - 1;
      queue.push([side === "dialer" ? "accepter" : "dialer", setup.onTheWay?.(message, number) ?? message]);
    },
    done: (peer) => {
      outcome[side] = peer;
    },
    refused: (reason) => {
      outcome[side] = reason;
    },
  });
  const dialer = new DialingHandshake(
    { cluster, ...a, ...setup.dialer },
    { ...b, ...setup.wanted },
    options("dialer", setup.dialerToken ?? "the token", setup.dialerBinding ?? ""),
  );
  const self = "accepter" in setup ? setup.accepter : { cluster, ...b };
  const accepting = options("accepter", "the token", "");
  const accepter = new AcceptingHandshake(
    () => self,
    () => setup.judge,
    accepting,
  );
  dialer.start();
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    pushBytes(next[0] === "dialer" ? dialer : accepter, next[1]);
  }
  return outcome;
}

test("both sides learn who the other one is, and the token is in no message", () => {
  const { dialer, accepter, messages } = shake();
  expect(dialer).toEqual(b);
  expect(accepter).toEqual(a);
  expect(messages.length).toBe(4);
  expect(Buffer.concat(messages).includes("the token")).toBe(false);
});

test.each<[string, Setup, Refusal]>([
  ["a worker of another cluster", { dialer: { cluster: "cluster-2" as ClusterId } }, "cluster"],
  ["a connection for another worker", { wanted: { worker: "c" as WorkerId } }, "worker"],
  ["a connection for an earlier epoch", { wanted: { epoch: 4 } }, "epoch"],
  ["a connection to a worker that has not joined", { accepter: undefined }, "notJoined"],
  ["a peer of an earlier epoch", { judge: "stale" }, "stale"],
  ["the larger of the two", { judge: "direction" }, "direction"],
])("%s is refused by name on both sides", (_, setup, refusal) => {
  const { dialer, accepter } = shake(setup);
  expect(accepter).toBe(refusals[refusal]);
  expect(dialer).toContain(refusals[refusal]);
});

test("another token, or another connection underneath, is refused by name on both sides", () => {
  for (const setup of [{ dialerToken: "another" }, { dialerBinding: "other keys" }]) {
    const { dialer, accepter } = shake(setup);
    expect(dialer).toBe(refusals.token);
    expect(accepter).toContain(refusals.token);
  }
});

test("a dialer without the token that goes on nevertheless is refused", () => {
  // It cannot check the welcome, and gives a proof of its own making.
  const forged = (message: Uint8Array, number: number): Uint8Array => {
    if (number !== 2) return message;
    const copy = Uint8Array.from(message);
    copy[20] = (copy[20] as number) ^ 1;
    return copy;
  };
  const { dialer, accepter } = shake({ onTheWay: forged });
  expect(accepter).toBe(refusals.token);
  expect(dialer).toContain(refusals.token);
});

test("another version is refused by name", () => {
  const newer = (message: Uint8Array, number: number): Uint8Array => {
    if (number !== 0) return message;
    const copy = Uint8Array.from(message);
    copy[8] = LINK_VERSION + 1;
    return copy;
  };
  const { dialer, accepter } = shake({ onTheWay: newer });
  expect(accepter).toBe(refusals.version);
  expect(dialer).toContain(refusals.version);
});

test("a recorded handshake proves nothing the next time", () => {
  const recorded = shake().messages[2] as Uint8Array;
  const replayed = shake({ onTheWay: (message, number) => (number === 2 ? recorded : message) });
  expect(replayed.accepter).toBe(refusals.token);
});

test("no change of one byte on the way lets a handshake succeed on both sides with something else", () => {
  fc.assert(
    fc.property(fc.nat({ max: 3 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, xor) => {
      const changed = (message: Uint8Array, number: number): Uint8Array => {
        if (number !== which) return message;
        const copy = Uint8Array.from(message);
        copy[at % copy.length] = (copy[at % copy.length] as number) ^ xor;
        return copy;
      };
      try {
        const { dialer, accepter } = shake({ onTheWay: changed });
        if (typeof accepter === "object") expect(accepter).toEqual(a);
        if (typeof dialer === "object") expect(dialer).toEqual(b);
      } catch (error) {
        expect(error).toBeInstanceOf(LinkViolation);
      }
    }),
    { numRuns: 500 },
  );
});

test("whatever a stranger sends is refused, ends in a violation, or waits for more", () => {
  const message = fc
    .record({ kind: fc.integer({ min: 0, max: 6 }), text: fc.oneof(fc.string(), fc.json()) })
    .map(({ kind, text }) => {
      const body = Buffer.from(text);
      const head = Buffer.alloc(44);
      head.writeUInt32LE(40 + body.length);
      head.write("MRXL", 4);
      head.writeUInt16LE(1, 8);
      head.writeUInt16LE(kind, 10);
      return Buffer.concat([head, body]);
    });
  fc.assert(
    fc.property(fc.array(fc.oneof(message, fc.uint8Array()), { maxLength: 5 }), (messages) => {
      const accepted: Identity[] = [];
      const handshake = new AcceptingHandshake(
        () => ({ cluster, ...b }),
        () => undefined,
        {
          token: "the token",
          binding: () => new Uint8Array(0),
          send: () => {},
          done: (peer) => accepted.push(peer),
          refused: () => {},
        },
      );
      try {
        for (const each of messages) pushBytes(handshake, each);
      } catch (error) {
        expect(error).toBeInstanceOf(LinkViolation);
      }
      expect(accepted).toEqual([]);
    }),
    { numRuns: 500 },
  );
});
