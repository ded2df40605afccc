/** The bounds of the Kafka connector, each with its reason. */

/**
 * Bytes of one decompressed record batch. Producers fill batches up to 1 MB by default and compress up to a hundredfold;
 * beyond this a small batch is made to fill the memory of whoever reads it.
 */
export const BATCH_BYTES_MAX = 256 * 1024 * 1024;

/** Headers of one record: a handful in practice. */
export const RECORD_HEADERS_MAX = 10_000;
