/** The stores of a type's columns, for a shape's writer. */

import { unreachable } from "../../../core/assert.ts";
import {
  BigintStore,
  BoolStore,
  type ColumnStore,
  EmptyListStore,
  Float64Store,
  NullStore,
  StructStore,
  TimestampStore,
  Utf8Store,
} from "./column-store.ts";
import type { ColumnType } from "./column-type.ts";
import { AnyStore, BinaryStore, Float64ListStore, Utf8ListStore } from "./run-store.ts";

export function makeStore(type: ColumnType): ColumnStore {
  switch (type.kind) {
    case "null":
      return new NullStore();
    case "bool":
      return new BoolStore();
    case "float64":
      return new Float64Store();
    case "int64":
      return new BigintStore();
    case "timestamp":
      return new TimestampStore();
    case "utf8":
      return new Utf8Store();
    case "binary":
      return new BinaryStore();
    case "float64List":
      return new Float64ListStore();
    case "utf8List":
      return new Utf8ListStore();
    case "emptyList":
      return new EmptyListStore();
    case "struct":
      return new StructStore(
        type.fields.map((field) => field.name),
        type.fields.map((field) => makeStore(field.type)),
      );
    case "any":
      return new AnyStore();
    default:
      return unreachable(type.kind);
  }
}
