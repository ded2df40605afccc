/**
 * The token of a cluster: whoever has it may submit jobs, and so run code.
 *
 * It lives in one file that only its owner may read; files that others may read are refused, as `ssh` does with keys.
 */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { type FileHandle, link, open, unlink } from "node:fs/promises";
import { MillraceError } from "../../core/errors.ts";

/** 256 bits: not to be guessed. */
const tokenBytes = 32;
const ownerOnly = 0o600;
const othersMask = 0o077;
/** What a header carries unchanged; a token may also be given by people. */
const pattern = /^[A-Za-z0-9._~+/=-]{16,512}$/;
/** More is no token. */
const fileBytesMax = 1024;

export function generateToken(): string {
  return randomBytes(tokenBytes).toString("base64url");
}

/** Compares in a time that says nothing of where they differ, whatever their lengths. */
export function sameToken(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** The token of an `Authorization: Bearer …` header. */
export function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+)$/i.exec(header ?? "")?.[1];
}

/** @throws TOKEN_FILE when there is none, others may read it, or it holds no token. */
export async function readToken(path: string): Promise<string> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw tokenFile(
      `cannot read the token file ${path}; give --token-file, or start a coordinator, which makes it`,
      cause,
    );
  });
  try {
    return await readOpened(file, path);
  } finally {
    await file.close();
  }
}

async function readOpened(file: FileHandle, path: string): Promise<string> {
  const { mode } = await file.stat();
  if (process.platform !== "win32" && (mode & othersMask) !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, "0");
    throw tokenFile(`the token file ${path} has the mode ${shown}, so others may use it; run: chmod 600 ${path}`);
  }
  const { buffer, bytesRead } = await file.read(Buffer.alloc(fileBytesMax), 0, fileBytesMax, 0);
  const token = buffer.toString("utf8", 0, bytesRead).trim();
  if (!pattern.test(token)) {
    throw tokenFile(`the file ${path} holds no token: 16 to 512 letters, digits and . _ ~ + / = - are expected`);
  }
  return token;
}

/**
 * Reads the token, or makes one where there is no file: it appears whole or not at all, and of two processes that make
 * one at the same time both get the same.
 */
export async function ensureToken(path: string): Promise<string> {
  const candidate = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  const file = await open(candidate, "wx", ownerOnly).catch((cause: unknown) => {
    throw tokenFile(`cannot write the token file ${path}`, cause);
  });
  try {
    await file.writeFile(`${generateToken()}\n`);
    await file.sync();
    await link(candidate, path).catch(refuseUnlessExists);
  } finally {
    await file.close();
    await unlink(candidate);
  }
  return await readToken(path);
}

function refuseUnlessExists(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw tokenFile("cannot write the token file", error);
}

function tokenFile(message: string, cause?: unknown): MillraceError {
  return new MillraceError("TOKEN_FILE", message, { cause });
}
