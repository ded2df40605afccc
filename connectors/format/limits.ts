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
