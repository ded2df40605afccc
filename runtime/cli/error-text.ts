/**
 * An error as one block for a reader's eyes:
 *
 *   error USER_FUNCTION: a function of "price" threw TypeError: …
 *     operator  price, subtask 1 of 2, attempt 1
 *     record    { item: string, cost: null }
 *     cause     TypeError: …
 *               at prices.ts:12:20
 *
 * Of a stack only the user's own frames are shown: those outside of Node, of installed packages and of Millrace.
 */

import { relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { MillraceError } from "../../core/errors.ts";

export interface ErrorTextOptions {
  /** Shows all frames, the engine's too. */
  readonly verbose: boolean;
  /** Colours "error" and the labels of lines. */
  readonly label: (text: string) => string;
}

const engine = resolve(import.meta.dirname, "../..");
const rooms = ["core", "operators", "runtime", "connectors", "node_modules"].map(
  (room) => `${engine}${sep}${room}${sep}`,
);

const labelWidth = 10;

export function errorText(error: unknown, options: ErrorTextOptions): string {
  const { label } = options;
  const lines = [`${label("error")} ${headline(error)}`];
  const line = (name: string, text: string): void => {
    lines.push(`  ${label(name.padEnd(labelWidth))}${text}`);
  };
  const more = (frames: readonly string[]): void => {
    for (const frame of frames) lines.push(`${" ".repeat(labelWidth + 2)}${frame}`);
  };
  if (error instanceof MillraceError) {
    if (error.operator !== undefined) line("operator", [error.operator, ...place(error)].join(", "));
    if (error.origin?.record !== undefined) line("record", error.origin.record);
  }
  if (options.verbose || !(error instanceof MillraceError)) more(framesOf(error, options.verbose));
  for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) {
    const frames = [...excerptOf(cause), ...framesOf(cause, options.verbose)];
    // An error that passes on another's message has said it already, unless there is a place to show.
    if (frames.length === 0 && lines.some((text) => text.includes(messageOf(cause)))) continue;
    line("cause", headline(cause));
    more(frames);
  }
  return lines.join("\n");
}

function headline(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof MillraceError ? `${error.code}: ${sentence(error)}` : `${error.name}: ${error.message}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The message without the place and record that the failing subtask appends: they get lines of their own. */
function sentence({ message, origin }: MillraceError): string {
  if (origin === undefined) return message;
  const appended = message.lastIndexOf(` (subtask ${origin.subtask + 1} of ${origin.parallelism}`);
  return appended === -1 ? message : message.slice(0, appended);
}

function place({ origin }: MillraceError): string[] {
  if (origin === undefined) return [];
  return [`subtask ${origin.subtask + 1} of ${origin.parallelism}`, `attempt ${origin.attempt}`];
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

/** What Node puts before the message of a syntax error: the place, the line and a mark below it. */
function excerptOf(error: unknown): string[] {
  if (!(error instanceof SyntaxError) || error.stack === undefined) return [];
  const end = error.stack.search(/^\w*SyntaxError/m);
  return end <= 0 ? [] : error.stack.slice(0, end).trimEnd().split("\n").filter(Boolean).map(withoutUrls);
}

function framesOf(error: unknown, all: boolean): string[] {
  if (!(error instanceof Error) || error.stack === undefined) return [];
  const frames = error.stack.split("\n").filter((line) => /^\s+at /.test(line));
  return frames.filter((frame) => all || isUsers(frame)).map((frame) => withoutUrls(frame.trim()));
}

function isUsers(frame: string): boolean {
  if (/\bnode:|<anonymous>|[\\/]node_modules[\\/]/.test(frame)) return false;
  const path = withUrls(frame, fileURLToPath);
  return !rooms.some((room) => path.includes(room));
}

/** Paths as the user would type them. Those of a bundled program are relative to its package. */
function withoutUrls(text: string): string {
  return withUrls(text.replaceAll("job:///", ""), (url) => {
    const path = fileURLToPath(url);
    const near = relative(process.cwd(), path);
    return near.startsWith("..") ? path : near;
  });
}

function withUrls(text: string, replace: (url: string) => string): string {
  return text.replace(/file:\/\/[^\s():]*(?::(?!\d)[^\s():]*)*/g, (url) => replace(url));
}
