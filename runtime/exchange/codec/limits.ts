/** Every bound of the codec, each with its reason. */

/** Rows of a batch: latency and memory want hundreds; the bound keeps a damaged header from asking for billions. */
export const rowsMax = 65_536;

/** Estimated bytes of a batch when it is declared full: far below the 2 GiB that int32 offsets reach. */
export const batchBytesMax = 1 << 27;

/** A batch that one record lifts past this is refused: V8 joins strings up to 2^29 units only. */
export const frameBytesMax = 1 << 28;

/** Rows a shape's arrays hold at first; they quadruple up to maxRows. Usual batches never grow them. */
export const firstCapacity = 1024;

/** Columns of one shape: wider objects leave V8's fast literals, and compiling them costs milliseconds. */
export const columnsMax = 128;

/** Columns a reader accepts of one shape, so that a damaged descriptor cannot make it compile for minutes. */
export const readableColumnsMax = 4 * columnsMax;

/** Nested structs become columns down to here; what lies deeper is a fallback value. */
export const structDepthMax = 8;

/** Nesting of a record: deeper ones would come near the stack's end in recursive code. */
export const depthMax = 100;

/** A field name in a descriptor has 15 bits for its length; longer names take the fallback. */
export const nameLengthMax = 32_767;

/** Shapes an encoder tries on each record that its last shape refuses. */
export const shapesMax = 8;

/** Shapes with the same keys before they are joined: two types each for several fields would make 2^k of them. */
export const shapesOfSameKeysMax = 3;

/** Shapes learnt in one go, and one more a batch: compiling takes 150 µs, so a stream of ever new shapes must not. */
export const learningCreditMax = 16;

/** Compiled writers and readers kept a thread, over all edges. */
export const compiledShapesMax = 512;

/** Readers a decoder keeps: a peer with ever new shapes must not fill the memory. */
export const readersMax = 64;
