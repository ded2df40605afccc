/**
 * What must not stand in a program: a password, a key. A job is built in many places, its module is bundled and stored, and
 * its parameters are shown; so options hold where a secret lies, and whoever connects reads it there, at each connection:
 * one that was changed meanwhile is taken.
 */

import { readFileSync } from "node:fs";
import { MillraceError } from "../../../core/errors.ts";

/** In an environment variable of the process that connects: a worker of the cluster. */
export interface FromEnv {
  readonly env: string;
}

/** In a file that the process which connects can read. A relative path starts at its working directory. */
export interface FromFile {
  readonly file: string;
}

/** Where a text lies; or the text itself, which is for trying things out. */
export type Secret = string | FromEnv | FromFile;

/**
 * @param what names the option in errors, e.g. "sasl.password"
 * @throws MillraceError BAD_OPTION when nothing is there, or it is empty
 */
export function readSecret(secret: Secret, what: string): string {
  if (typeof secret === "string") return secret;
  if ("env" in secret) return fromEnv(secret, what);
  const text = fromFile(secret, what)
    .toString("utf8")
    .replace(/\r?\n$/, "");
  return text || empty(what, secret.file);
}

/** The same for what may have any bytes. */
export function readSecretBytes(secret: FromEnv | FromFile, what: string): string | Buffer {
  return "env" in secret ? fromEnv(secret, what) : fromFile(secret, what);
}

function fromEnv({ env }: FromEnv, what: string): string {
  const value = process.env[env];
  if (value) return value;
  const place = `the environment variable ${env}`;
  if (value === "") return empty(what, place);
  const how = `a worker of a cluster hands it on to jobs with --pass-env ${env}`;
  throw new MillraceError("BAD_OPTION", `${what} comes from ${place}, which is not set here; ${how}`);
}

function fromFile({ file }: FromFile, what: string): Buffer {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new MillraceError("BAD_OPTION", `${what} comes from ${file}, which cannot be read here: ${code ?? message}`);
  }
  return content.length > 0 ? content : empty(what, file);
}

/** A broker would only say that it is wrong. */
function empty(what: string, place: string): never {
  throw new MillraceError("BAD_OPTION", `${what} comes from ${place}, which is empty here`);
}
