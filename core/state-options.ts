/** Where a job's state is while it runs. Plain data; the control plane reads it. */

import { MillraceError } from "./errors.ts";
import { STATE_MEMORY_BYTES } from "./limits.ts";

export type ByteUnit = "KB" | "MB" | "GB";

/** `"256MB"`, or a number of bytes. */
export type ByteSize = `${number}${ByteUnit}` | number;

export interface StateOptions {
  /** All of it on the heap, or beyond a budget on the worker's disk, which checkpoints do not depend on. */
  readonly backend: "memory" | "level";
  /** Of `level`: what values of state may take in the memory of each slot, about. Default "256MB". */
  readonly memory?: ByteSize;
}

/** The same with every default filled in. */
export interface StateSettings {
  readonly backend: "memory" | "level";
  readonly memoryBytes: number;
}

/** @throws BAD_OPTION, beginning with `what`. */
export function stateSettings({ backend, memory = STATE_MEMORY_BYTES }: StateOptions, what: string): StateSettings {
  if (backend !== "memory" && backend !== "level") {
    throw new MillraceError(
      "BAD_OPTION",
      `${what}: backend must be "memory" or "level", got ${JSON.stringify(backend)}`,
    );
  }
  return { backend, memoryBytes: byteSize(memory, `${what}: memory`) };
}

const unitBytes: Readonly<Record<ByteUnit, number>> = { KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

/** In bytes. @throws BAD_OPTION, beginning with `what`. */
export function byteSize(size: ByteSize, what: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(KB|MB|GB)$/.exec(String(size)) ?? [];
  const bytes = number === undefined ? Number(size) : Number(number) * unitBytes[unit as ByteUnit];
  if (String(size).trim() !== "" && Number.isFinite(bytes) && bytes >= 0) return Math.round(bytes);
  throw new MillraceError("BAD_OPTION", `${what} must be a size such as "256MB", got ${JSON.stringify(size)}`);
}
