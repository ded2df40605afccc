/** JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it), in the few forms that the REST interface needs. */

export type Schema = Readonly<Record<string, unknown>>;

export const text = { type: "string" } as const;
export const count = { type: "integer", minimum: 0 } as const;
export const number = { type: "number" } as const;
/** Epoch milliseconds or a duration, -1 for "not yet". */
export const milliseconds = { type: "number", minimum: -1 } as const;
export const boolean = { type: "boolean" } as const;
export const anything = {} as const;
export const scalar = { type: ["string", "number", "boolean", "null"] } as const;

export function oneOf(...values: readonly string[]): Schema {
  return { type: "string", enum: values };
}

/** One of a union's texts, which the compiler holds complete. */
export function oneOfAll<Texts extends string>(texts: Readonly<Record<Texts, true>>): Schema {
  return oneOf(...Object.keys(texts));
}

export function listOf(items: Schema): Schema {
  return { type: "array", items };
}

export function mapOf(values: Schema): Schema {
  return { type: "object", additionalProperties: values };
}

export function orNull(schema: Schema & { readonly type: string }): Schema {
  return { ...schema, type: [schema.type, "null"] };
}

/** A schema for each field of a view, which the compiler holds complete; fields beside them are refused. */
export type FieldsOf<View> = { readonly [Name in keyof Required<View>]: Schema };

export function fieldsOf<View>(properties: FieldsOf<View>, optional: readonly (keyof View & string)[] = []) {
  const required = Object.keys(properties).filter((name) => !(optional as readonly string[]).includes(name));
  return { type: "object", properties, required, additionalProperties: false } as const;
}
