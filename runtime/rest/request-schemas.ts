/**
 * What requests may hold: everything that comes in is checked against one of these before it is used. Names become keys
 * of a look-up, never paths; what could climb in a path is refused all the same.
 */

import { REST_ROWS_MAX } from "../../core/limits.ts";
import type { StateOptions } from "../../core/state-options.ts";
import { count, fieldsOf, oneOf, oneOfAll, type Schema, scalar } from "./schema.ts";
import type { ExpectedSubmission, SavepointRequest, SubmitRequest, UpgradeRequest } from "./views.ts";

const id = { type: "string", pattern: "^[0-9A-Za-z_-]{1,128}$" } as const;
const hash = { type: "string", pattern: "^[0-9a-f]{64}$" } as const;
/** Of an operator, as its author chose it: any signs but control ones, and no step of a path. */
const name = {
  type: "string",
  pattern: "^(?!\\.{1,2}(?:/|$))(?!.*/\\.{1,2}(?:/|$))[^\\u0000-\\u001f\\u007f\\\\]{1,256}$",
} as const;
const position = { ...count, maximum: Number.MAX_SAFE_INTEGER } as const;

export const jobParams: Schema = fieldsOf<{ jid: string }>({ jid: id });
export const vertexParams: Schema = fieldsOf<{ jid: string; vid: string }>({ jid: id, vid: name });
export const subtaskParams: Schema = fieldsOf<{ jid: string; vid: string; n: number }>({
  jid: id,
  vid: name,
  n: { ...count, maximum: 32_768 },
});
export const sinkParams: Schema = fieldsOf<{ jid: string; sink: string }>({ jid: id, sink: name });
export const workerParams: Schema = fieldsOf<{ id: string }>({ id: name });
export const bundleParams: Schema = fieldsOf<{ hash: string }>({ hash });

export const noQuery: Schema = { type: "object", additionalProperties: false };
export const cancelQuery: Schema = fieldsOf<{ mode?: string }>({ mode: oneOf("cancel") }, ["mode"]);
export const logQuery: Schema = fieldsOf<{ from?: number }>({ from: { ...position, default: 0 } }, ["from"]);
export const rowsQuery: Schema = fieldsOf<{ from?: number; max?: number }>(
  {
    from: { ...position, default: 0 },
    max: { type: "integer", minimum: 1, maximum: REST_ROWS_MAX, default: Math.min(1000, REST_ROWS_MAX) },
  },
  ["from", "max"],
);

const parameterName = { type: "string", pattern: "^[^\\u0000-\\u001f\\u007f]{1,256}$" } as const;

const parallelism = { type: "integer", minimum: 1, maximum: 32_768 } as const;

export const expectBody: Schema = fieldsOf<ExpectedSubmission>({ parallelism }, ["parallelism"]);

// Of Unix or Windows.
const absolutePath = { type: "string", pattern: "^(?:/|[A-Za-z]:[\\\\/])[^\\u0000]{0,4094}$" } as const;

export const savepointBody: Schema = fieldsOf<SavepointRequest>(
  { "target-directory": absolutePath, "cancel-job": { type: "boolean" }, drain: { type: "boolean" } },
  ["target-directory", "cancel-job", "drain"],
);

const upgrade: Schema = fieldsOf<UpgradeRequest>(
  {
    allowDropped: { type: "boolean" },
    drop: { type: "array", items: parameterName, maxItems: 1000 },
    rename: { type: "object", propertyNames: parameterName, additionalProperties: parameterName, maxProperties: 1000 },
    otherJob: { type: "boolean" },
  },
  ["allowDropped", "drop", "rename", "otherJob"],
);

const state: Schema = fieldsOf<StateOptions>(
  {
    backend: oneOfAll<StateOptions["backend"]>({ memory: true, level: true }),
    memory: {
      anyOf: [
        { type: "number", minimum: 0 },
        { type: "string", pattern: "^\\d{1,12}(\\.\\d{1,12})?(KB|MB|GB)$" },
      ],
    },
  },
  ["memory"],
);

export const submitBody: Schema = fieldsOf<SubmitRequest>(
  {
    bundle: hash,
    parallelism,
    params: { type: "object", propertyNames: parameterName, additionalProperties: scalar, maxProperties: 1000 },
    paramTexts: { type: "array", items: { type: "string", maxLength: 65_536 }, maxItems: 1000 },
    workingDirectory: absolutePath,
    from: absolutePath,
    upgrade,
    slotHeapMb: { type: "integer", minimum: 16, maximum: 1_048_576 },
    state,
  },
  ["parallelism", "params", "paramTexts", "slotHeapMb", "state", "from", "upgrade"],
);
