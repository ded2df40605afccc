/** Batch functions: what a program says of them, checked. */

import { ARROW_BATCH_ROWS, ASYNC_TIMEOUT_MS } from "./limits.ts";
import type { BatchFunction } from "./node.ts";
import { checkedMaxRows, type MapBatchesOptions } from "./stream-options.ts";
import { positiveDurationMs } from "./time.ts";
import { boundMethod } from "./user-function.ts";

/** @throws BAD_OPTION, BAD_DURATION */
export function batchFunction<O>(name: string, options: MapBatchesOptions<O>): BatchFunction {
  const { schema, maxRows = ARROW_BATCH_ROWS, rowWise = false, timeout, process, open, close } = options;
  return Object.freeze({
    schema: Object.freeze({ ...schema }),
    maxRows: checkedMaxRows(maxRows, name),
    rowWise,
    timeoutMs: timeout === undefined ? ASYNC_TIMEOUT_MS : positiveDurationMs(timeout, `timeout of "${name}"`),
    call: boundMethod(options, process),
    open: open && boundMethod(options, open),
    close: close && boundMethod(options, close),
  });
}
