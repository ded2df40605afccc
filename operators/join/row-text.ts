/** A row of plain data as text: equal for equal rows, whatever the order of their fields. */

export function rowText(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return Object.is(value, -0) ? "0" : String(value);
    case "bigint":
      return `${value}n`;
    case "object":
      return objectText(value);
    default:
      return String(value);
  }
}

function objectText(value: object | null): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map(rowText).join()}]`;
  if (value instanceof Date) return `@${value.getTime()}`;
  if (ArrayBuffer.isView(value))
    return `#${Array.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)).join()}`;
  const fields = Object.keys(value).toSorted();
  return `{${fields.map((name) => `${JSON.stringify(name)}:${rowText((value as Record<string, unknown>)[name])}`).join()}}`;
}
