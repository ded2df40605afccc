/** Plain values as bytes and back: node:v8's format, which carries a version of its own; newer Nodes read older ones. */

import { DefaultDeserializer, serialize } from "node:v8";

/** @throws DataCloneError for functions, symbols, promises and the like. */
export function plainBytes(value: unknown): Buffer<ArrayBuffer> {
  return serialize(value);
}

/** ENSURES: the value shares no memory with the bytes. */
export function plainValue(bytes: Uint8Array): unknown {
  const reader = new OwningDeserializer(bytes);
  reader.readHeader();
  return reader.readValue();
}

/** Copies typed arrays: Node's own reader gives views on the serialised bytes. */
class OwningDeserializer extends DefaultDeserializer {
  _readHostObject(): ArrayBufferView {
    const view = readHostObject.call(this) as ArrayBufferView;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice().buffer;
    if (Buffer.isBuffer(view)) return Buffer.from(bytes);
    const Constructor = view.constructor as new (buffer: ArrayBuffer) => ArrayBufferView;
    return new Constructor(bytes);
  }
}

/** Documented by Node as the hook of serialisers, but missing from its types. */
const readHostObject = (DefaultDeserializer.prototype as unknown as { _readHostObject(): unknown })._readHostObject;
