/**
 * Source text of object literals, for functions that are generated once a schema: objects made by a literal share one
 * hidden class from the first on, and no field is looked up by its name.
 */

/** `{ "name": expression, … }`. The names are data and quoted; the expressions are ours. */
export function objectLiteral(fields: Iterable<readonly [name: string, expression: string]>): string {
  const members = Array.from(fields, ([name, expression]) => {
    // In a literal, "__proto__" would set the prototype; a computed key makes it a field as any other.
    const key = name === "__proto__" ? '["__proto__"]' : JSON.stringify(name);
    return `${key}: ${expression}`;
  });
  return `{ ${members.join(", ")} }`;
}
