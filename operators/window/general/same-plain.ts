/** Whether two values of plain data are alike. */

export function samePlain(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length || Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  return names.every((name) => samePlain((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]));
}
