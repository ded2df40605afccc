/** What a program was asked cannot be done: a wrong argument, or a folder without what it has to have. The message says what to do. */
export class UsageError extends Error {}

/** Of a `UsageError`, and of options that there are not, the message alone is written, and the program ends with status 1. */
export async function toldInShort<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof UsageError) && code?.startsWith("ERR_PARSE_ARGS") !== true) throw error;
    process.stderr.write(`${message}\n`);
    process.exit(1);
  }
}
