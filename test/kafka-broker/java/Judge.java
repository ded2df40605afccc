/*
 * The Java client of Apache Kafka, as the judge of what we write and the author of what we read.
 *
 *   Judge BROKERS produce TOPIC COMPRESSION COUNT     records of a known form, in batches of several
 *   Judge BROKERS transact TOPIC STEP…                 "1w" producer 1 writes two records in its transaction, "1c" commits,
 *                                                      "1a" aborts; "1o" writes two without a transaction
 *   Judge BROKERS consume TOPIC ISOLATION              all records up to the end, a line each:
 *                                                      partition offset timestamp kind key value name=value…
 *
 * Keys, values and names of headers are printed in hexadecimal digits, null as "-".
 */

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

public class Judge {
  public static void main(String[] args) throws Exception {
    List<String> rest = Arrays.asList(args).subList(3, args.length);
    switch (args[1]) {
      case "produce" -> produce(args[0], args[2], rest.get(0), Integer.parseInt(rest.get(1)));
      case "transact" -> transact(args[0], args[2], rest);
      case "consume" -> consume(args[0], args[2], rest.get(0));
      default -> throw new IllegalArgumentException(args[1]);
    }
  }

  /** Record i, in the form that java-judge.ts knows too. */
  static ProducerRecord<byte[], byte[]> record(String topic, int i) {
    byte[] key = i % 3 == 0 ? null : bytes("key-" + i);
    byte[] value = i % 5 == 0 ? null : bytes("wört ✓ 𝄞 ".repeat(i % 40));
    List<Header> headers = new ArrayList<>();
    if (i % 4 == 0) {
      headers.add(new RecordHeader("trace", bytes("t" + i)));
      headers.add(new RecordHeader("nichts", (byte[]) null));
      headers.add(new RecordHeader("ü", new byte[] {0, (byte) 255}));
    }
    long timestamp = 1_700_000_000_000L + i * 37L - (i % 11) * 3_000_000L;
    return new ProducerRecord<>(topic, 0, timestamp, key, value, headers);
  }

  static void produce(String brokers, String topic, String compression, int count) {
    Properties settings = producerSettings(brokers);
    settings.put("compression.type", compression);
    settings.put("batch.size", "8192");
    settings.put("linger.ms", "200");
    try (Producer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
      for (int i = 0; i < count; i++) producer.send(record(topic, i));
    }
  }

  static void transact(String brokers, String topic, List<String> steps) throws Exception {
    Map<String, Producer<byte[], byte[]>> producers = new HashMap<>();
    Set<String> open = new HashSet<>();
    int written = 0;
    for (String step : steps) {
      String name = step.substring(0, step.length() - 1);
      char does = step.charAt(step.length() - 1);
      String id = does == 'o' ? null : topic + "-" + name;
      Producer<byte[], byte[]> producer = producers.get(String.valueOf(id));
      if (producer == null) {
        Properties settings = producerSettings(brokers);
        if (id != null) settings.put("transactional.id", id);
        producer = new KafkaProducer<>(settings);
        if (id != null) producer.initTransactions();
        producers.put(String.valueOf(id), producer);
      }
      if (does == 'w' || does == 'o') {
        if (does == 'w' && open.add(name)) producer.beginTransaction();
        for (int i = 0; i < 2; i++) {
          producer.send(new ProducerRecord<>(topic, 0, null, bytes(step + " " + written++))).get();
        }
      } else {
        open.remove(name);
        if (does == 'c') producer.commitTransaction();
        else producer.abortTransaction();
      }
    }
    for (Producer<byte[], byte[]> producer : producers.values()) producer.close();
  }

  static Properties producerSettings(String brokers) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    settings.put("key.serializer", ByteArraySerializer.class.getName());
    settings.put("value.serializer", ByteArraySerializer.class.getName());
    return settings;
  }

  static void consume(String brokers, String topic, String isolation) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("isolation.level", isolation);
    settings.put("check.crcs", "true");
    StringBuilder out = new StringBuilder();
    try (Consumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
      List<TopicPartition> partitions = new ArrayList<>();
      consumer.partitionsFor(topic).forEach(each -> partitions.add(new TopicPartition(topic, each.partition())));
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        for (ConsumerRecord<byte[], byte[]> each : consumer.poll(Duration.ofMillis(200))) print(out, each);
      }
    }
    System.out.print(out);
  }

  static void print(StringBuilder out, ConsumerRecord<byte[], byte[]> each) {
    out.append(each.partition()).append(' ').append(each.offset()).append(' ').append(each.timestamp());
    out.append(' ').append(each.timestampType().name).append(' ').append(hex(each.key())).append(' ').append(hex(each.value()));
    for (Header header : each.headers()) out.append(' ').append(hex(bytes(header.key()))).append('=').append(hex(header.value()));
    out.append('\n');
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String hex(byte[] bytes) {
    return bytes == null ? "-" : HexFormat.of().formatHex(bytes);
  }
}
