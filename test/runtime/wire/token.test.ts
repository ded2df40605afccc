import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bearerToken, ensureToken, generateToken, readToken, sameToken } from "../../../runtime/wire/token.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-token-"));
});
afterEach(() => rm(folder, { recursive: true }));

const refused = (message: RegExp) =>
  expect.objectContaining({ code: "TOKEN_FILE", message: expect.stringMatching(message) });

test("a token has 256 bits and is never the same", () => {
  const tokens = new Set(Array.from({ length: 100 }, generateToken));
  expect(tokens.size).toBe(100);
  for (const token of tokens) expect(Buffer.from(token, "base64url")).toHaveLength(32);
});

test("a token is equal to itself only", () => {
  const token = generateToken();
  expect(sameToken(token, token)).toBe(true);
  for (const other of ["", token.slice(1), `${token}x`, token.toUpperCase(), generateToken()]) {
    expect(sameToken(other, token)).toBe(false);
  }
});

test("the token of a header is what follows Bearer", () => {
  expect(bearerToken("Bearer abc")).toBe("abc");
  expect(bearerToken("bearer abc")).toBe("abc");
  for (const header of [undefined, "", "abc", "Basic abc", "Bearer", "Bearer ", "Bearer a b"]) {
    expect(bearerToken(header)).toBeUndefined();
  }
});

test("the file is made once, for its owner alone, and nothing else stays behind", async () => {
  const path = join(folder, "token");
  const tokens = await Promise.all(Array.from({ length: 8 }, () => ensureToken(path)));
  expect(new Set([...tokens, await readToken(path)]).size).toBe(1);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["token"]);
});

test("a file that others may read is refused, with the command that mends it", async () => {
  const path = join(folder, "token");
  const token = await ensureToken(path);
  for (const mode of [0o640, 0o604, 0o620, 0o666]) {
    await chmod(path, mode);
    await expect(readToken(path)).rejects.toThrow(refused(/has the mode 0\d{3}.*chmod 600/));
  }
  await chmod(path, 0o600);
  expect(await readToken(path)).toBe(token);
});

test("a file without a token is refused", async () => {
  const path = join(folder, "token");
  await expect(readToken(path)).rejects.toThrow(refused(/cannot read/));
  for (const content of ["", "short", "two words of a good length", "x".repeat(2000), "\u0000".repeat(40)]) {
    await writeFile(path, content, { mode: 0o600 });
    await expect(readToken(path)).rejects.toThrow(refused(/holds no token/));
  }
  await expect(ensureToken(join(folder, "missing", "token"))).rejects.toThrow(refused(/cannot write/));
});
