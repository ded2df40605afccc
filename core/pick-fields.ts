/**
 * Functions that read named fields, generated for their names: closures over a name share what the compiler learns of them,
 * so that every one would look its field up as if it could be any.
 */

/** What `select` runs: a new record with the named fields of another one; such that it does not have are undefined. */
export function pickFields(fields: readonly string[]): (value: unknown) => unknown {
  return reading(`({ ${fields.map((field) => `${key(field)}: ${read(field)}`).join(", ")} })`);
}

/** The value of a field. */
export function readField(field: string): (value: unknown) => unknown {
  return reading(read(field));
}

/** The values of fields, as an array. */
export function readFields(fields: readonly string[]): (value: unknown) => unknown {
  return reading(`[${fields.map(read).join(", ")}]`);
}

function reading(expression: string): (value: unknown) => unknown {
  return new Function("value", `"use strict"; return ${expression};`) as (value: unknown) => unknown;
}

function read(field: string): string {
  return `value[${JSON.stringify(field)}]`;
}

/** Written without brackets, `__proto__` would not name a field. */
function key(field: string): string {
  return field === "__proto__" ? '["__proto__"]' : JSON.stringify(field);
}
