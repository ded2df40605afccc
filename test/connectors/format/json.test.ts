import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Decoder } from "../../../connectors/format/format.ts";
import { generateParser } from "../../../connectors/format/json/generated.ts";
import { json } from "../../../connectors/format/json/json.ts";
import { JsonDecoder } from "../../../connectors/format/json/json-decoder.ts";
import { layoutOf } from "../../../connectors/format/json/layout.ts";

/** Among other bytes, as in a fetch: what is behind a record must never be taken for a part of it. */
function decoded(decoder: Decoder<unknown>, record: string | Uint8Array, behind = '"}}]99,"a":1}'): unknown {
  const bytes = Buffer.concat([Buffer.from('{"'), Buffer.from(record as string), Buffer.from(behind)]);
  const end = bytes.length - Buffer.byteLength(behind);
  try {
    return { value: decoder.decode(bytes, 2, end) };
  } catch (error) {
    return { failure: (error as Error).name };
  }
}

function parsed(record: string | Uint8Array): unknown {
  try {
    return { value: JSON.parse(Buffer.from(record as string).toString()) };
  } catch (error) {
    return { failure: (error as Error).name };
  }
}

/** Equal in prototypes, -0 and the order of fields too. */
function expectSame(actual: unknown, expected: unknown): void {
  deepStrictEqual(actual, expected); // a field "constructor" makes vitest's own see differences
  expect(JSON.stringify(actual)).toBe(JSON.stringify(expected));
}

const numbers = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/),
  fc.constantFrom("-0", "0", "-0.0", "0.1", "9007199254740993", "1e400", "123456789012345", "0.00000000000001"),
);
const strings = fc.oneof(
  fc.string({ unit: "grapheme" }).map((value) => JSON.stringify(value)),
  fc.string().map((value) => JSON.stringify(value)),
  fc.stringMatching(/^[ -~]{0,20}$/).map((value) => JSON.stringify(value)),
  fc.constantFrom('"\\u00e9"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\/\\b\\f\\n\\r\\t\\\\\\""', '"ü"', '"𝄞"', '""'),
);
const wrong = fc.constantFrom(
  ...[
    "01",
    "1.",
    ".5",
    "+1",
    "-",
    "1e",
    "NaN",
    "tru",
    "nul",
    "'a'",
    '"\u0001"',
    '"\\x"',
    '"\\u12"',
    '"a',
    "",
    "[1,]",
    "{,}",
    "1 2",
    '"\n"',
    "}",
    "]",
    "--1",
    "1.e3",
  ],
);
const names = ["a", "b", "c", "id", "long name", "__proto__", "constructor", "1", "é", "a\\u0062", 'x\\"y', "toString"];
const fields = fc.constantFrom(...names.map((name) => `"${name}"`));

const { value: values } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    numbers,
    strings,
    fc.constantFrom("true", "false", "null"),
    fc.array(tie("value"), { maxLength: 3 }).map((parts) => `[${parts.join()}]`),
    fc.array(fc.tuple(fields, tie("value")), { maxLength: 3 }).map(object),
  ),
}));
function object(parts: readonly (readonly [string, string])[]): string {
  return `{${parts.map(([name, value]) => `${name}:${value}`).join()}}`;
}

/** Hardly ever wrong: one wrong value makes a record of several wrong. */
const anything = fc.oneof(
  { weight: 4, arbitrary: values },
  { weight: 12, arbitrary: numbers },
  { weight: 12, arbitrary: strings },
  { weight: 1, arbitrary: wrong },
);

/** Records of one layout, into which all sorts of values are put. */
const alike = fc
  .record({
    names: fc.uniqueArray(fields, { minLength: 1, maxLength: 5 }),
    inner: fc.uniqueArray(fields, { maxLength: 3 }),
    blank: fc.constantFrom("", " ", "\n\t", "\r "),
    parts: fc.array(fc.array(anything, { minLength: 8, maxLength: 8 }), {
      minLength: 2,
      maxLength: 12,
    }),
  })
  .map(({ names: own, inner, blank, parts }) => {
    return parts.map((of) => {
      const within = object(inner.map((name, at) => [name, of[at + 5] as string]));
      const all = [...own.map((name, at) => `${name}${blank}:${blank}${of[at] as string}`), `"in":${within}`];
      return `${blank}{${blank}${all.join(`${blank},`)}${blank}}${blank}`;
    });
  });

describe("JSON that is read by generated parsers", () => {
  test("equals what JSON.parse makes of records of one layout, whatever their values are", () => {
    fc.assert(
      fc.property(alike, (records) => {
        const decoder = new JsonDecoder();
        for (const record of [...records, ...records]) expectSame(decoded(decoder, record), parsed(record));
      }),
      { numRuns: 300 },
    );
  });

  test("equals it too where records differ in their fields, end early, or are no JSON", () => {
    const edited = fc.tuple(values, fc.nat(), fc.string({ maxLength: 2 }), fc.nat(3)).map(([text, at, put, cut]) => {
      const place = at % (text.length + 1);
      return [text, text.slice(0, place), text.slice(0, place) + put + text.slice(place + cut)];
    });
    fc.assert(
      fc.property(fc.array(edited, { minLength: 1, maxLength: 12 }), (records) => {
        const decoder = new JsonDecoder();
        for (const record of [...records, ...records].flat()) expectSame(decoded(decoder, record), parsed(record));
      }),
      { numRuns: 300 },
    );
  });

  test("a record that is cut off is none, though the bytes behind it would complete it", () => {
    const record = '{"id":12,"name":"cup","ok":true}';
    const decoder = new JsonDecoder();
    decoded(decoder, record);
    expect(decoded(decoder, record)).toEqual({ value: JSON.parse(record) });
    for (let cut = 0; cut < record.length; cut++)
      expect(decoded(decoder, record.slice(0, cut), record.slice(cut))).toEqual({ failure: "SyntaxError" });
  });

  test("numbers of all lengths equal those of JSON.parse", () => {
    const parse = parserOf('{"n":1}');
    const digits = fc.tuple(
      fc.nat(20),
      fc.nat(20),
      fc.bigInt({ min: 1n, max: 10n ** 40n }),
      fc.constantFrom("", "e2", "E-7", "e+20"),
    );
    fc.assert(
      fc.property(digits, ([before, behind, all, exponent]) => {
        const text = String(all).padEnd(41, "7");
        const record = `{"n":-${text.slice(0, before + 1)}.${text.slice(20, 21 + behind)}${exponent}}`;
        const whole = `{"n":${text.slice(0, before + 1)}}`;
        for (const each of [record, whole]) expect(parse(Buffer.from(each), 0, each.length)).toEqual(JSON.parse(each));
      }),
      { numRuns: 1000 },
    );
  });

  test("equals it for bytes that are no UTF-8", () => {
    const bytes = fc.uint8Array({ maxLength: 6 });
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 8 }), (parts) => {
        const decoder = new JsonDecoder();
        decoded(decoder, '{"a":"learned","b":1}');
        for (const part of parts) {
          const record = Buffer.concat([Buffer.from('{"a":"'), part, Buffer.from('","b":1}')]);
          expectSame(decoded(decoder, record), parsed(record));
        }
      }),
    );
  });

  test("is read by a parser that was generated for the layout", () => {
    const parse = parserOf('{"id":7,"user":{"name":"a","tags":["x"]},"at":1.5,"ok":true}');
    const other = '{"id":-12,"user":{"name":"b\\n","tags":[]},"at":"late","ok":null}';
    expect(parse(Buffer.from(other), 0, other.length)).toEqual(JSON.parse(other));
    for (const unlike of ['{"id":7}', '{"id":7,"user":null,"at":1.5,"ok":true}', `${other} `, other.slice(0, -1)]) {
      expect(parse(Buffer.from(unlike), 0, unlike.length)).toBeUndefined();
    }
  });

  test.each(["7", "[1]", '{"a":1,"a":2}', '{"__proto__":1}', '{"1":1}', '{"é":1}', '{"a\\u0062":1}', "{}", '{"a":{}}'])(
    "%s has no layout",
    (text) => {
      expect(layoutOf(text)).toBeUndefined();
    },
  );

  test("a text of a record keeps nothing of the bytes", () => {
    const bytes = Buffer.from('{"name":"a text that is longer than thirteen"}');
    const decoder = new JsonDecoder();
    decoder.decode(bytes, 0, bytes.length);
    const value = decoder.decode(bytes, 0, bytes.length) as { name: string };
    bytes.fill(0);
    expect(value.name).toBe("a text that is longer than thirteen");
  });

  test("kinds of events take turns", () => {
    const decoder = new JsonDecoder();
    const kinds = Array.from({ length: 20 }, (_, kind) => `{"kind${kind}":"${kind}","n":${kind}}`);
    for (let round = 0; round < 300; round++) {
      for (const record of kinds)
        expect(decoder.decode(Buffer.from(record), 0, record.length)).toEqual(JSON.parse(record));
    }
  });
});

test("JSON is written as files have it", () => {
  const encoder = json<unknown>().encoder();
  expect(encoder.encode({ at: new Date(0), n: 5n })).toBe('{"at":"1970-01-01T00:00:00.000Z","n":"5"}');
  expect(() => encoder.encode(undefined)).toThrow(expect.objectContaining({ code: "BAD_RECORD" }));
});

function parserOf(text: string) {
  const layout = layoutOf(text);
  if (layout === undefined) throw new Error(`${text} has no layout`);
  return generateParser(layout);
}
