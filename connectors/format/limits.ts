/** The bounds of the formats, each with its reason. */

/** Values of one record that a generated parser reads: beyond it, its code is too large to be optimised. */
export const JSON_SLOTS_MAX = 64;

/** Characters between these values, for the same reason. */
export const JSON_LITERAL_CHARACTERS_MAX = 2048;

/** Layouts of records for which parsers are generated: those of a stream with several kinds of events. */
export const JSON_LAYOUTS_MAX = 8;

/** After how many records in a row that no generated parser reads nothing is tried with the next ones. */
export const JSON_MISSES_MAX = 64;

/** How many records then go without it before it is tried anew: so many that what is tried in vain costs little beside them. */
export const JSON_MISSES_PAUSE = 16_384;

/** How long a schema registry may take to answer: it looks something up. */
export const REGISTRY_ANSWER_MS = 10_000;

/** How long it is asked again: one that restarts is back by then. A source waits for it as long, within its own 60 s. */
export const REGISTRY_WITHIN_MS = 45_000;

/** From the first try to the last, how long is waited before the next one. */
export const REGISTRY_RETRY_MS_MIN = 50;
export const REGISTRY_RETRY_MS_MAX = 2_000;

/** One answer of it: schemas are texts that people write. */
export const REGISTRY_ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** Schemas that one schema imports, directly and through others. */
export const REGISTRY_REFERENCES_MAX = 256;
