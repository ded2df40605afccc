import { expect, test } from "vitest";
import { isEverywhere, nameFromElsewhere, nameFromHere } from "../../../runtime/wire/own-name.ts";
import { issue, newAuthority } from "./certificates.ts";

const authority = newAuthority();
const both = issue(authority, { hosts: ["one.example.org", "127.0.0.1", "10.0.0.7"] });
const here = issue(authority, { hosts: ["localhost"] });
const outside = issue(authority, { hosts: ["*.example.org", "10.0.0.7"] });

test.each(["0.0.0.0", "::", "0:0:0:0:0:0:0:0"])("%s is everywhere, and no name", (host) => {
  expect(isEverywhere(host)).toBe(true);
  expect([nameFromHere(host, both), nameFromElsewhere(host, both)]).toEqual(["127.0.0.1", "one.example.org"]);
  expect([nameFromHere(host, here), nameFromElsewhere(host, here)]).toEqual(["localhost", "localhost"]);
  expect([nameFromHere(host, outside), nameFromElsewhere(host, outside)]).toEqual(["10.0.0.7", "10.0.0.7"]);
  expect(nameFromHere(host, undefined)).toBe("localhost");
});

test.each(["127.0.0.1", "10.0.0.7", "::1", "localhost", "one.example.org", ""])("%s stays what it is", (host) => {
  expect(isEverywhere(host)).toBe(false);
  expect([nameFromHere(host, both), nameFromElsewhere(host, both)]).toEqual([host, host]);
});
