import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Format } from "../../../connectors/format/format.ts";
import { json } from "../../../connectors/format/json/json.ts";
import { type AvroOptions, avro } from "../../../connectors/format/registry/avro.ts";
import { protobuf } from "../../../connectors/format/registry/protobuf.ts";
import { registeredJson } from "../../../connectors/format/registry/registered-json.ts";
import { SchemaRegistry } from "../../../connectors/format/registry/schema-registry.ts";
import { validated } from "../../../connectors/format/validated.ts";
import { type RegistryServer, startRegistry } from "./registry-server.ts";

let server: RegistryServer;
beforeAll(async () => {
  server = await startRegistry();
});
afterAll(async () => server[Symbol.asyncDispose]());
beforeEach(() => {
  server.requests.length = 0;
  server.failures.length = 0;
});

/** Reads bytes as a source does: among others, and waiting for what they need. */
async function decoded<T>(format: Format<T>, message: Uint8Array): Promise<T | undefined> {
  const bytes = Buffer.concat([Buffer.from("before"), message, Buffer.from("behind")]);
  const decoder = format.decoder();
  const [start, end] = [6, 6 + message.length];
  await decoder.prepare?.(bytes, start, end);
  expect(decoder.prepare?.(bytes, start, end)).toBeUndefined();
  const value = decoder.decode(bytes, start, end);
  bytes.fill(0);
  return value;
}

async function encoded<T>(format: Format<T>, value: T): Promise<Buffer> {
  const encoder = format.encoder();
  await encoder.open?.();
  return Buffer.from(encoder.encode(value) as Uint8Array);
}

function frame(id: number, hexDigits: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  return Buffer.concat([head, Buffer.from(hexDigits.replaceAll(" ", ""), "hex")]);
}

const order = {
  type: "record",
  name: "Order",
  namespace: "shop",
  fields: [
    { name: "id", type: "long" },
    { name: "item", type: ["null", "string"], default: null },
    { name: "prices", type: { type: "array", items: "double" } },
    { name: "tags", type: { type: "map", values: "string" } },
    { name: "raw", type: "bytes" },
    { name: "place", type: { type: "record", name: "Place", fields: [{ name: "city", type: "string" }] } },
  ],
};

describe("Avro with a schema registry", () => {
  const options = (more: Partial<AvroOptions> = {}): AvroOptions => ({
    registry: { url: server.url },
    subject: "orders-value",
    ...more,
  });

  test("reads the example of Avro's specification", async () => {
    const fields = [
      { name: "a", type: "long" },
      { name: "b", type: "string" },
    ];
    const id = server.register("spec", { schema: JSON.stringify({ type: "record", name: "test", fields }) });
    expect(await decoded(avro(options()), frame(id, "36 06 66 6f 6f"))).toEqual({ a: 27, b: "foo" });
  });

  test("reads what it has written, as plain data", async () => {
    // The library assigns the entries of a map, and leaves this one out.
    const names = fc.string().filter((name) => name !== "__proto__");
    const value = fc.record(
      {
        id: fc.maxSafeInteger(),
        item: fc.option(fc.string({ unit: "grapheme" })),
        prices: fc.array(fc.double({ noNaN: true })),
        tags: fc.dictionary(names, fc.string(), { noNullPrototype: true }),
        raw: fc.uint8Array(),
        place: fc.record({ city: fc.string() }, { noNullPrototype: true }),
      },
      { noNullPrototype: true },
    );
    const format = avro<unknown>(options({ schema: order }));
    await fc.assert(
      fc.asyncProperty(value, async (given) => {
        const read = await decoded(format, await encoded(format, { ...given, raw: Buffer.from(given.raw) }));
        expect(read).toStrictEqual(given);
        expect(structuredClone(read)).toStrictEqual(read);
      }),
    );
    expect(server.requests).toHaveLength(2);
  });

  test("reads old values as the program's schema has them", async () => {
    const old = {
      type: "record",
      name: "Click",
      fields: [
        { name: "item", type: "int" },
        { name: "gone", type: "string" },
      ],
    };
    const fields = [
      { name: "item", type: "long" },
      { name: "added", type: "string", default: "-" },
    ];
    const message = await encoded(avro<unknown>(options({ schema: old, subject: "clicks" })), { item: 7, gone: "x" });
    const now = avro(options({ schema: { type: "record", name: "Click", fields } }));
    expect(await decoded(now, message)).toEqual({ item: 7, added: "-" });
  });

  test("reads schemas that refer to others", async () => {
    server.register("place", {
      schema: JSON.stringify({ type: "record", name: "Spot", fields: [{ name: "x", type: "int" }] }),
    });
    const schema = JSON.stringify({ type: "record", name: "Trip", fields: [{ name: "to", type: "Spot" }] });
    const id = server.register("trips", { schema, references: [{ name: "Spot", subject: "place", version: 1 }] });
    expect(await decoded(avro(options()), frame(id, "0e"))).toEqual({ to: { x: 7 } });
  });

  test("reads longs beyond 2^53 as bigints only", async () => {
    const schema = { type: "record", name: "Big", fields: [{ name: "n", type: "long" }] };
    const message = await encoded(avro<unknown>(options({ schema, longs: "bigint" })), { n: 2n ** 60n });
    expect(await decoded(avro(options({ longs: "bigint" })), message)).toEqual({ n: 2n ** 60n });
    await expect(decoded(avro(options()), message)).rejects.toThrow();
  });

  test.each([
    ["01 00 00 00 01 00", "does not begin with the id"],
    ["00 00 00", "does not begin with the id"],
    ["00 00 00 00 01 36 06 66 6f", "ends within a value"],
    ["00 00 00 00 01 36 06 66 6f 6f 00", "1 bytes follow"],
    ["00 00 00 ff ff 00", "404"],
  ])("says what is wrong with %s", async (bytes, message) => {
    await expect(decoded(avro(options()), Buffer.from(bytes.replaceAll(" ", ""), "hex"))).rejects.toThrow(message);
  });

  test("refuses values that its schema does not have, and to write without one", async () => {
    await expect(encoded(avro<unknown>(options({ schema: order })), { id: "seven" })).rejects.toThrow();
    await expect(encoded(avro<unknown>(options()), {})).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});

describe("Protobuf with a schema registry", () => {
  const schema = `syntax = "proto3"; package shop;
    message Order { int64 id = 1; string item_name = 2; repeated double prices = 3; map<string, int32> counts = 4; bytes raw = 5;
      Place place = 6; Kind kind = 7; optional int32 maybe = 8; oneof paid { string card = 9; bool cash = 10; } }
    message Place { string city = 1; message Street { string name = 1; } }
    enum Kind { NONE = 0; GIFT = 1; }`;
  const options = (more: object = {}) => ({ registry: { url: server.url }, subject: "orders-proto", schema, ...more });

  test("reads the examples of Protobuf's specification", async () => {
    const text = 'syntax = "proto3"; message Test1 { int32 a = 1; } message Test2 { string b = 2; }';
    const id = server.register("spec-proto", { schema: text, schemaType: "PROTOBUF" });
    expect(await decoded(protobuf(options()), frame(id, "00 08 96 01"))).toEqual({ a: 150 });
    expect(await decoded(protobuf(options()), frame(id, "02 02 12 07 74 65 73 74 69 6e 67"))).toEqual({ b: "testing" });
  });

  test("reads what it has written, as plain data with the names of the file", async () => {
    const format = protobuf<object>(options());
    const full = {
      id: 7,
      item_name: "cup",
      prices: [1.5],
      counts: { a: 1 },
      raw: Uint8Array.of(1, 2),
      place: { city: "Ulm" },
      kind: "GIFT",
      maybe: 0,
      cash: true,
    };
    const read = await decoded(format, await encoded(format, full));
    expect(read).toStrictEqual(full);
    expect(structuredClone(read)).toStrictEqual(read);
    const empty = { id: 0, item_name: "", prices: [], counts: {}, raw: new Uint8Array(0), kind: "NONE" };
    expect(await decoded(format, await encoded(format, {}))).toStrictEqual(empty);
  });

  test("writes and reads messages behind the first one, and inner ones", async () => {
    const place = protobuf<object>(options({ message: "shop.Place" }));
    const message = await encoded(place, { city: "Ulm" });
    expect(await decoded(protobuf(options()), message)).toEqual({ city: "Ulm" });
    const id = message.readUInt32BE(1);
    expect(await decoded(protobuf(options()), frame(id, "04 02 00 0a 01 61"))).toEqual({ name: "a" });
  });

  test("reads files that import others, of the registry and of Google's", async () => {
    server.register("base", {
      schema: 'syntax = "proto3"; package base; message Id { int32 n = 1; }',
      schemaType: "PROTOBUF",
    });
    const text = `syntax = "proto3"; package top; import "base.proto"; import "google/protobuf/timestamp.proto";
      message Top { base.Id id = 1; google.protobuf.Timestamp at = 2; }`;
    const references = [{ name: "base.proto", subject: "base", version: 1 }];
    const id = server.register("top", { schema: text, schemaType: "PROTOBUF", references });
    expect(await decoded(protobuf(options()), frame(id, "00 0a 02 08 05 12 02 08 09"))).toEqual({
      id: { n: 5 },
      at: { seconds: 9, nanos: 0 },
    });
  });

  test("reads 64-bit integers beyond 2^53 as bigints only", async () => {
    const message = await encoded(protobuf<object>(options()), { id: "9007199254740993" });
    expect(await decoded(protobuf(options({ longs: "bigint" })), message)).toMatchObject({
      id: 9_007_199_254_740_993n,
    });
    await expect(decoded(protobuf(options()), message)).rejects.toThrow("beyond what a number holds");
  });

  test("says what is wrong", async () => {
    const id = server.register("spec-proto", {
      schema: 'syntax = "proto3"; message A { int32 a = 1; }',
      schemaType: "PROTOBUF",
    });
    await expect(decoded(protobuf(options()), frame(id, "02 0e 00"))).rejects.toThrow("no message at the place");
    await expect(decoded(protobuf(options()), frame(id, "00 08"))).rejects.toThrow();
    await expect(decoded(avro({ registry: { url: server.url } }), frame(id, "00"))).rejects.toThrow(
      "no Avro but PROTOBUF",
    );
    await expect(encoded(protobuf<object>(options({ message: "shop.Gone" })), {})).rejects.toThrow(
      "one of shop.Order, shop.Place",
    );
    await expect(encoded(protobuf<object>(options()), { id: {} })).rejects.toMatchObject({ code: "BAD_RECORD" });
  });
});

describe("JSON with a schema registry", () => {
  const schema = { type: "object", properties: { n: { type: "number" } } };
  const format = registeredJson<{ n: number }>({ registry: { url: "http://127.0.0.1:1" } });

  test("is text behind the id of its schema", async () => {
    const writing = registeredJson<{ n: number }>({ registry: { url: server.url }, schema, subject: "numbers-value" });
    const message = await encoded(writing, { n: 7 });
    const id = server.register("numbers-value", { schema: JSON.stringify(schema), schemaType: "JSON" });
    expect(message).toEqual(frame(id, Buffer.from('{"n":7}').toString("hex")));
    expect(server.requests).toEqual(["POST /subjects/numbers-value/versions"]);
  });

  test("is read without asking", async () => {
    expect(await decoded(format, frame(12345, Buffer.from('{"n":7}').toString("hex")))).toEqual({ n: 7 });
    await expect(decoded(format, Buffer.from('{"n":7}'))).rejects.toThrow("does not begin with the id");
    await expect(decoded(format, frame(1, "7b"))).rejects.toThrow(SyntaxError);
    await expect(encoded(format, { n: 7 })).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});

describe("a schema registry", () => {
  const client = (more: object = {}) => new SchemaRegistry({ url: server.url, ...more });
  const known = (): number => server.register("known", { schema: '"string"' });

  test("is asked once for a schema, by many at the same time", async () => {
    const id = known();
    const registry = client();
    await Promise.all([registry.schema(id), registry.schema(id), registry.schema(id)]);
    await registry.schema(id);
    expect(server.requests).toEqual([`GET /schemas/ids/${id}`]);
  });

  test("is asked again while it fails in ways that pass", async () => {
    const id = known();
    server.failures.push({ status: 500 }, { status: 429 }, { status: 503, body: "<html>" });
    expect(await client().schema(id)).toMatchObject({ kind: "AVRO", text: '"string"' });
    expect(server.requests).toHaveLength(4);
  });

  test("that goes on failing ends the job by name, and is asked again the next time", async () => {
    const id = known();
    const registry = client({ withinMs: 1 });
    server.failures.push({ status: 500, body: "no leader" }, { status: 500, body: "no leader" });
    const failure = await registry.schema(id).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "SCHEMA_REGISTRY" });
    expect(String(failure)).toContain("no leader");
    server.failures.length = 0;
    expect(await registry.schema(id)).toMatchObject({ text: '"string"' });
  });

  test("that is not there ends the job by name", async () => {
    const registry = new SchemaRegistry({ url: "http://127.0.0.1:1", withinMs: 1 });
    await expect(registry.schema(1)).rejects.toMatchObject({ code: "SCHEMA_REGISTRY" });
  });

  test.each([
    [{ status: 401, body: "who are you" }, "who are you"],
    [{ status: 409, body: "incompatible" }, "incompatible"],
    [{ status: 200, body: "<html>" }, "no schema registry"],
    [{ status: 200, body: "{}" }, "without a schema"],
    [{ status: 200, body: '{"schema":"1","schemaType":"XML"}' }, "XML"],
    [{ status: 302, body: "" }, "302"],
  ])("that answers %j is not asked again", async (failure, message) => {
    server.failures.push(failure);
    const error = await client({ withinMs: 1 })
      .schema(known())
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "SCHEMA_REGISTRY" });
    expect(String(error)).toContain(failure.status === 302 ? "redirect" : message);
  });

  test("hears who asks, from where the secret lies", async () => {
    await client({ auth: { username: "alice", password: "secret" } }).schema(known());
    expect(server.authorization).toBe(`Basic ${Buffer.from("alice:secret").toString("base64")}`);
    await client({ auth: { token: "abc" } }).schema(known());
    expect(server.authorization).toBe("Bearer abc");
  });

  test.each(["nowhere", "ftp://a", ""])("at %j is refused when the program is built", (url) => {
    expect(() => avro({ registry: { url } })).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });
});

describe("values that a schema has looked at", () => {
  interface Positive {
    readonly n: number;
  }
  const schema = {
    "~standard": {
      version: 1 as const,
      validate: (value: unknown) => {
        const { n } = value as Positive;
        return n > 0 ? { value: { n: n * 2 } } : { issues: [{ message: "must be positive", path: ["n"] }] };
      },
    },
  };

  test("are what it gives out, or bad records with its reason", async () => {
    const format = validated<Positive>(json(), schema);
    expect(await decoded(format, Buffer.from('{"n":2}'))).toEqual({ n: 4 });
    await expect(decoded(format, Buffer.from('{"n":-2}'))).rejects.toThrow("n: must be positive");
    expect(format.encoder().encode({ n: 1 })).toBe('{"n":1}');
  });

  test("need a schema that does not wait", async () => {
    const slow = { "~standard": { version: 1 as const, validate: async () => ({ value: 1 }) } };
    await expect(decoded(validated(json(), slow), Buffer.from("1"))).rejects.toThrow("asynchronous");
  });
});
