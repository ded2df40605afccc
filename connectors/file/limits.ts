/** Every bound of the file connectors with its reason. */

/** Bytes of a text file that are one split: some 40 ms of parsing (measured), beside which asking for the next one is little. */
export const SPLIT_BYTES = 4 * 1024 * 1024;

/** Bytes read from a text file at a time: some 2 ms of parsing (measured), beside which a call to the file system is little. */
export const WINDOW_BYTES = 256 * 1024;

/** The longest line of a JSON Lines file: the longest record that an exchange carries (RECORD_BYTES_MAX). */
export const LINE_BYTES_MAX = 256 * 1024 * 1024;

/** The longest record of a CSV file: so far is the end of a quoted field looked for before its quote counts as a stray one. */
export const CSV_RECORD_BYTES_MAX = 1024 * 1024;

/** A JSON array is parsed as a whole, into objects of several times its size. */
export const ARRAY_BYTES_MAX = 64 * 1024 * 1024;

/** Bytes of a bad line that are shown: enough to recognise it, few enough for a log. */
export const BAD_LINE_BYTES_SHOWN = 1024;

/** Rows of a Parquet file that are one split: the page size of Arrow and parquet-java, so that no two splits share a page. */
export const SPLIT_ROWS = 20_000;

/** Bytes read from a Parquet column chunk at a time: most pages are smaller. */
export const PAGE_WINDOW_BYTES = 256 * 1024;

/** The longest page header: it may hold the column's least and greatest values, which are short unless written by mistake. */
export const PAGE_HEADER_BYTES_MAX = 16 * 1024 * 1024;

/** The longest page, in its file and unpacked: a damaged header could ask for any size. Writers stay near 1 MiB. */
export const PAGE_BYTES_MAX = 512 * 1024 * 1024;

/** Output of a text sink that is written at a time. */
export const OUTPUT_BUFFER_CHARS = 64 * 1024;
