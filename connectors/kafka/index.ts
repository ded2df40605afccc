/** What programs import from "millrace/kafka". Apart from "millrace", so that kafkajs is loaded only by those who use it. */

export type { Decoder, Encoder, Format } from "../format/format.ts";
export { json } from "../format/json/json.ts";
export { bytes, text } from "../format/plain.ts";
export { type AvroOptions, avro } from "../format/registry/avro.ts";
export { type ProtobufOptions, protobuf } from "../format/registry/protobuf.ts";
export type { SchemaRegistryOptions } from "../format/registry/schema-registry.ts";
export { type Validator, validated } from "../format/validated.ts";
export type { KafkaOptions, KafkaSasl, KafkaTls } from "./client/connection-options.ts";
export { makeTopics, type NewTopic } from "./client/make-topics.ts";
export type { FromEnv, FromFile, Secret } from "./client/secret.ts";
export type { Compression } from "./codec/compression.ts";
export type { Field, HeaderField } from "./codec/record-batch-builder.ts";
export type { RecordHeader } from "./codec/record-columns.ts";
export { type DeadLetterOptions, toDeadLetters } from "./sink/dead-letters.ts";
export { toKafka } from "./sink/kafka-sink.ts";
export type { EncodeOption, RecordEncoder, Serialise } from "./sink/serialise.ts";
export type { KafkaGuarantee, KafkaSinkOptions } from "./sink/settings.ts";
export { type KafkaUpsertOptions, toKafkaUpserts } from "./sink/upsert-sink.ts";
export type { BadRecord, BadRecordOptions } from "./source/bad-records.ts";
export type { Deserialise, KafkaRecord } from "./source/deserialise.ts";
export { type KafkaSourceOptions, kafka } from "./source/kafka-source.ts";
export type { OnLostOffset } from "./source/lost-offsets.ts";
export type { KafkaEnd, KafkaStart, OffsetOf } from "./source/places.ts";
export type { KafkaShare, SharePartition } from "./source/shares.ts";
export type { KafkaTopics } from "./source/topics.ts";
export { isTombstone, type Upsert, type UpsertFormats, upserts } from "./source/upserts.ts";
export type { RecordFormat, ValueOption, ValueReader } from "./source/values.ts";
