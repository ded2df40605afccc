/** The text in one piece: what is put together stays a tree of its parts, even when it has been read once. */
export function flat(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
