import fc from "fast-check";
import { expect, test } from "vitest";
import { formatAddress, isLoopback, parseAddress } from "../../../runtime/wire/address.ts";
import { checkConnect, checkListen } from "../../../runtime/wire/listen-rule.ts";

const tls = { cert: "", key: "", ca: "" };
const open = { token: undefined, tls: undefined };

test.each(["127.0.0.1", "127.8.9.10", "::1", "localhost", "LOCALHOST"])(
  "%s is this machine and needs nothing",
  (host) => {
    expect(isLoopback(host)).toBe(true);
    expect(() => checkListen(host, open)).not.toThrow();
    expect(() => checkConnect(host, open)).not.toThrow();
  },
);

const outside = [
  "0.0.0.0",
  "::",
  "192.168.1.4",
  "10.0.0.1",
  "128.0.0.1",
  "fe80::1",
  "example.org",
  "localhost.example.org",
  "",
];

test.each(outside)("%s can be others', so both token and TLS are needed", (host) => {
  expect(isLoopback(host)).toBe(false);
  for (const protection of [open, { token: "t", tls: undefined }, { token: undefined, tls }]) {
    expect(() => checkListen(host, protection)).toThrow(expect.objectContaining({ code: "INSECURE" }));
  }
  expect(() => checkListen(host, { token: "t", tls })).not.toThrow();
  expect(() => checkConnect(host, { tls: undefined })).toThrow(expect.objectContaining({ code: "INSECURE" }));
  expect(() => checkConnect(host, { tls })).not.toThrow();
});

test("the message says what is missing", () => {
  expect(() => checkListen("0.0.0.0", open)).toThrow(/needs a token and TLS; give --tls-cert/);
  expect(() => checkListen("0.0.0.0", { token: "t", tls: undefined })).toThrow(/needs TLS;/);
});

test("an address is read as it is written", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()), fc.integer({ min: 0, max: 65_535 }), (host, port) => {
      expect(parseAddress(formatAddress({ host, port }))).toEqual({ host, port });
    }),
  );
});

test.each([
  "",
  "8081",
  "host",
  "host:",
  ":8081",
  "host:65536",
  "host:80a",
  "::1:80",
  "[host]:80",
  "a b:80",
  "http://a:1",
])('"%s" is no address', (text) => {
  expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
});
