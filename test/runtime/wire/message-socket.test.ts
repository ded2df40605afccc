import { connect, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { encodeFrame } from "../../../runtime/wire/message-frames.ts";
import { MessageSocket, type MessageSocketOptions } from "../../../runtime/wire/message-socket.ts";

const undo: (() => void)[] = [];
afterEach(() => {
  for (const each of undo.splice(0)) each();
});

/** Two ends of a TCP connection. */
async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("expected a port");
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const near = connect({ port: address.port, host: "127.0.0.1", allowHalfOpen: true });
  const far = await accepted;
  server.close();
  for (const socket of [near, far]) {
    socket.on("error", () => {});
    undo.push(() => socket.destroy());
  }
  return [near, far];
}

function connection(stream: Socket, options: Partial<MessageSocketOptions> = {}) {
  const socket = new MessageSocket<unknown, unknown>(stream, { peer: "peer", ...options });
  const received: unknown[] = [];
  socket.onMessage((message) => received.push(message));
  return { socket, received };
}

const announcing = (length: number): Buffer => {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(length);
  return header;
};

test("messages go both ways, in order, and what was sent before the end arrives", async () => {
  const [near, far] = await socketPair();
  const left = connection(near);
  const right = connection(far);
  const sent = Array.from({ length: 500 }, (_, serial) => ({
    serial,
    bytes: new Uint8Array(serial),
    big: 1n,
    at: new Date(0),
  }));
  for (const message of sent) left.socket.send(message);
  right.socket.send("from the right");
  left.socket.close("enough");
  expect(await right.socket.closed).toEqual({ kind: "ended", message: "peer ended the connection" });
  expect(await left.socket.closed).toEqual({ kind: "closed", message: "enough" });
  expect(right.received).toEqual(sent);
});

test("nothing is lost before the receiver is there, and a new receiver gets the next message", async () => {
  const [near, far] = await socketPair();
  const left = connection(near);
  for (let serial = 0; serial < 10; serial++) left.socket.send(serial);
  const right = new MessageSocket<unknown, number>(far, { peer: "peer" });
  const first: number[] = [];
  const others: number[] = [];
  right.onMessage((message) => {
    first.push(message);
    right.onMessage((next) => others.push(next));
  });
  left.socket.close();
  await right.closed;
  expect([first, others]).toEqual([[0], [1, 2, 3, 4, 5, 6, 7, 8, 9]]);
});

test("garbage ends the connection by name, whatever it is", async () => {
  const body = fc.uint8Array({ minLength: 1, maxLength: 200 }).filter((bytes) => bytes[0] !== 0xff);
  await fc.assert(
    fc.asyncProperty(body, async (bytes) => {
      const [near, far] = await socketPair();
      const { socket, received } = connection(far);
      near.write(Buffer.concat([announcing(bytes.length), bytes]));
      expect((await socket.closed).kind).toBe("garbage");
      expect(received).toEqual([]);
    }),
    { numRuns: 20 },
  );
});

test("an empty message is garbage", async () => {
  const [near, far] = await socketPair();
  const { socket } = connection(far);
  near.write(announcing(0));
  expect((await socket.closed).kind).toBe("garbage");
});

test("a too long message ends the connection when it is announced, before it comes", async () => {
  const [near, far] = await socketPair();
  const { socket } = connection(far, { messageBytesMax: 1000 });
  near.write(announcing(1001));
  expect(await socket.closed).toEqual({
    kind: "tooLarge",
    message: "peer announced 1001 bytes; at most 1000 may come",
  });
});

test("a too long message is refused where it is sent, and the connection stays", async () => {
  const [near, far] = await socketPair();
  const left = connection(near, { messageBytesMax: 1000 });
  const right = connection(far);
  expect(() => left.socket.send("x".repeat(2000))).toThrow(expect.objectContaining({ code: "RECORD_TOO_LARGE" }));
  left.socket.send("small");
  left.socket.close();
  await right.socket.closed;
  expect(right.received).toEqual(["small"]);
});

test("a peer that does not read loses the connection when its queue is full", async () => {
  const [near, far] = await socketPair();
  far.pause();
  const { socket } = connection(near, { queueBytesMax: 1_000_000 });
  const bytes = new Uint8Array(100_000);
  let queuedMost = 0;
  for (let sent = 0; sent < 300; sent++) {
    socket.send(bytes);
    queuedMost = Math.max(queuedMost, socket.queuedBytes);
    await new Promise(setImmediate);
  }
  expect((await socket.closed).kind).toBe("queueFull");
  expect(queuedMost).toBeLessThan(1_000_000 + 200_000);
});

test("the other side's half-closed end is an end", async () => {
  const [near, far] = await socketPair();
  const { socket, received } = connection(far);
  near.end(Buffer.concat(encodeFrame("last words")));
  expect((await socket.closed).kind).toBe("ended");
  expect(received).toEqual(["last words"]);
});

test("a connection that ends within a message is lost, not ended", async () => {
  for (const cut of [2, 4, 7]) {
    const [near, far] = await socketPair();
    const { socket, received } = connection(far);
    near.end(Buffer.concat(encodeFrame("cut")).subarray(0, cut));
    expect(await socket.closed).toEqual({ kind: "lost", message: "peer ended the connection within a message" });
    expect(received).toEqual([]);
  }
});

test("a reset connection is lost", async () => {
  const [near, far] = await socketPair();
  const { socket } = connection(far);
  near.resetAndDestroy();
  expect((await socket.closed).kind).toBe("lost");
});

test("who does not introduce himself in time is cut off, also when he sends a little", async () => {
  for (const bytes of [Buffer.alloc(0), announcing(100), Buffer.concat([announcing(100), Buffer.alloc(50)])]) {
    const [near, far] = await socketPair();
    const { socket } = connection(far, { first: { withinMs: 30, bytesMax: 1000 } });
    near.write(bytes);
    expect((await socket.closed).kind).toBe("silent");
  }
});

test("the first message has a bound of its own, later ones the usual one", async () => {
  const first = { withinMs: 10_000, bytesMax: 100 };
  const [near, far] = await socketPair();
  const { socket } = connection(far, { first });
  connection(near).socket.send("x".repeat(200));
  expect((await socket.closed).kind).toBe("tooLarge");

  const [nearAgain, farAgain] = await socketPair();
  const right = connection(farAgain, { first });
  const left = connection(nearAgain);
  left.socket.send("hello");
  left.socket.send("x".repeat(200));
  left.socket.close();
  await right.socket.closed;
  expect(right.received).toHaveLength(2);
});

test("closing does not wait for a peer that keeps its side open and reads nothing", async () => {
  const [near, far] = await socketPair();
  far.pause();
  const { socket } = connection(near, { closeGraceMs: 20 });
  socket.send(new Uint8Array(5_000_000));
  socket.close("stopping");
  expect(await socket.closed).toEqual({ kind: "closed", message: "stopping" });
});

test("after the end nothing is received, sending does nothing, and the first reason stays", async () => {
  const [near, far] = await socketPair();
  const left = connection(near);
  const right = new MessageSocket<unknown, unknown>(far, { peer: "peer" });
  const received: unknown[] = [];
  right.onMessage((message) => {
    received.push(message);
    right.destroy("enough");
    right.send("unheard");
  });
  left.socket.send(1);
  left.socket.send(2);
  expect(await right.closed).toEqual({ kind: "closed", message: "enough" });
  right.close("later");
  expect(await right.closed).toEqual({ kind: "closed", message: "enough" });
  expect(received).toEqual([1]);
});

test("what is no data cannot be sent, and the connection stays", async () => {
  const [near, far] = await socketPair();
  const left = connection(near);
  const right = connection(far);
  expect(() => left.socket.send(() => 1)).toThrow("could not be cloned");
  left.socket.send("data");
  left.socket.close();
  await right.socket.closed;
  expect(right.received).toEqual(["data"]);
});
