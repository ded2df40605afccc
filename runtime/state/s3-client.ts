/**
 * An S3-compatible object store: five requests, signed (version 4) by `aws4fetch`, sent by Node's own fetch.
 *
 * Where and who is told by the environment variables that all S3 clients read, or by the shared credentials file. The law:
 * what is secret stands in no location and in no error.
 */

import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { AwsClient } from "aws4fetch";
import { MillraceError } from "../../core/errors.ts";
import { S3_ANSWER_MS, S3_RETRIES } from "../../core/limits.ts";

export interface S3Location {
  readonly bucket: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
}

/** `s3://bucket/prefix`. @throws BAD_OPTION */
export function parseS3Location(location: string): S3Location {
  const [, bucket, rest = ""] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(\/[\w./-]*)?$/.exec(location) ?? [];
  if (bucket !== undefined) return { bucket, prefix: rest.replace(/^\/+|\/+$/g, "") };
  throw new MillraceError(
    "BAD_OPTION",
    "a location in S3 is s3://bucket/prefix, of letters, digits, dots, dashes, underscores and slashes; " +
      "who may use it is told by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or by ~/.aws/credentials",
  );
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface S3Settings {
  readonly credentials: S3Credentials;
  readonly region: string;
  /** Of another server than Amazon's: its address, and buckets are in the path. */
  readonly endpoint: string | undefined;
}

/** @throws BAD_OPTION when nothing says who asks. */
export async function s3Settings(env: NodeJS.ProcessEnv): Promise<S3Settings> {
  const endpoint = env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"];
  const region = env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"] ?? "us-east-1";
  return { credentials: credentialsIn(env) ?? (await sharedCredentials(env)), region, endpoint };
}

function credentialsIn(env: NodeJS.ProcessEnv): S3Credentials | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: token } = env;
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  return { accessKeyId, secretAccessKey, ...(token === undefined ? {} : { sessionToken: token }) };
}

async function sharedCredentials(env: NodeJS.ProcessEnv): Promise<S3Credentials> {
  const path = env["AWS_SHARED_CREDENTIALS_FILE"] ?? join(homedir(), ".aws", "credentials");
  const profile = env["AWS_PROFILE"] ?? "default";
  const text = await readFile(path, "utf8").catch(() => "");
  const section = text.split(/^\s*\[/m).find((part) => part.startsWith(`${profile}]`)) ?? "";
  const field = (name: string): string | undefined =>
    new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)\\s*$`, "m").exec(section)?.[1];
  const accessKeyId = field("aws_access_key_id");
  const secretAccessKey = field("aws_secret_access_key");
  const sessionToken = field("aws_session_token");
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  throw new MillraceError(
    "BAD_OPTION",
    `checkpoints in S3 need AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile "${profile}" in ${path}`,
  );
}

export interface Listed {
  readonly keys: readonly string[];
  /** Names up to the delimiter, with it. */
  readonly folders: readonly string[];
}

export class S3Client {
  readonly #client: AwsClient;
  readonly #base: string;
  readonly #prefix: string;

  private constructor(client: AwsClient, base: string, prefix: string) {
    this.#client = client;
    this.#base = base;
    this.#prefix = prefix === "" ? "" : `${prefix}/`;
  }

  static async create({ bucket, prefix }: S3Location, settings: S3Settings): Promise<S3Client> {
    const { AwsClient: Client } = await import("aws4fetch");
    const { credentials, region, endpoint } = settings;
    const client = new Client({ ...credentials, service: "s3", region, retries: S3_RETRIES });
    const base = endpoint?.replace(/\/+$/, "");
    // A certificate of Amazon's holds for one name before its own.
    const own = bucket.includes(".")
      ? `https://s3.${region}.amazonaws.com/${bucket}`
      : `https://${bucket}.s3.${region}.amazonaws.com`;
    return new S3Client(client, base === undefined ? own : `${base}/${bucket}`, prefix);
  }

  /** Whole or not at all, and there for every reader when it resolves. */
  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#ask("PUT", this.#url(key), { body: bytes as Uint8Array<ArrayBuffer> });
  }

  /** All of it, or so much from a place on, or less where it ends; undefined: there is none. */
  async get(key: string, range?: { readonly from: number; readonly bytes: number }): Promise<Uint8Array | undefined> {
    const headers = range === undefined ? {} : { range: `bytes=${range.from}-${range.from + range.bytes - 1}` };
    const response = await this.#ask("GET", this.#url(key), { headers }, [404, 416]);
    if (response.status === 404) return undefined;
    return response.status === 416 ? new Uint8Array(0) : await bytesOf(response);
  }

  /** Without effect when there is none. */
  async delete(key: string): Promise<void> {
    await this.#ask("DELETE", this.#url(key), {}, [404]);
  }

  /** What begins so. With a delimiter: what has it behind that once more is one folder. */
  async list(beginning: string, delimiter?: string): Promise<Listed> {
    const keys: string[] = [];
    const folders: string[] = [];
    for (let from: string | undefined, more = true; more; more = from !== undefined) {
      const page = await this.#page(beginning, delimiter, from);
      keys.push(...texts(page, "Key").map((key) => key.slice(this.#prefix.length)));
      const found = [...page.matchAll(/<CommonPrefixes>(.*?)<\/CommonPrefixes>/gs)];
      folders.push(
        ...found.flatMap(([, each]) => texts(each ?? "", "Prefix")).map((name) => name.slice(this.#prefix.length)),
      );
      [from] = /<IsTruncated>true/.test(page) ? texts(page, "NextContinuationToken") : [];
    }
    return { keys, folders };
  }

  async #page(beginning: string, delimiter: string | undefined, from: string | undefined): Promise<string> {
    const query = new URLSearchParams({ "list-type": "2", prefix: `${this.#prefix}${beginning}` });
    if (delimiter !== undefined) query.set("delimiter", delimiter);
    if (from !== undefined) query.set("continuation-token", from);
    const response = await this.#ask("GET", `${this.#base}?${query}`, {});
    return Buffer.from(await bytesOf(response)).toString("utf8");
  }

  #url(key: string): string {
    return `${this.#base}/${this.#prefix}${key}`;
  }

  /** @throws Error for every status that is neither a success nor allowed; nothing in it is secret. */
  async #ask(method: string, url: string, init: RequestInit, allowed: readonly number[] = []): Promise<Response> {
    const signal = AbortSignal.timeout(S3_ANSWER_MS);
    const response = await this.#client.fetch(url, { ...init, method, signal });
    if (response.ok || allowed.includes(response.status)) return response;
    const body = Buffer.from(await bytesOf(response)).toString("utf8");
    const [code = "no code"] = texts(body, "Code");
    const [message = ""] = texts(body, "Message");
    throw new Error(`the object store answered ${response.status} ${code} ${message.slice(0, 200)}`.trimEnd());
  }
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** The texts of all elements of that name. Keys of ours have nothing that XML could not hold plainly. */
function texts(xml: string, name: string): string[] {
  const found = xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"));
  return [...found].map(([, text = ""]) =>
    text.replace(/&(\w+);/g, (whole, entity: string) => entities[entity] ?? whole),
  );
}
