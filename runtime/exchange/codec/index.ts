/** The exchange's codec: batches of records to column frames in (shared) memory and back. */

export { toRecordBatch } from "./arrow.ts";
export { BatchDecoder } from "./batch-decoder.ts";
export { BatchEncoder } from "./batch-encoder.ts";
export { fromRecordBatch } from "./from-arrow.ts";
export { assertTransferable } from "./transferable.ts";
