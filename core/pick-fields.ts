/** What `select` runs: a function that copies fields, generated so that every copy has one shape from its beginning. */

/** A new record with the named fields of another one; such that it does not have are undefined. */
export function pickFields(fields: readonly string[]): (value: unknown) => unknown {
  const copies = fields.map((field) => `${key(field)}: value[${JSON.stringify(field)}]`);
  return new Function("value", `"use strict"; return { ${copies.join(", ")} };`) as (value: unknown) => unknown;
}

/** Written without brackets, `__proto__` would not name a field. */
function key(field: string): string {
  return field === "__proto__" ? '["__proto__"]' : JSON.stringify(field);
}
