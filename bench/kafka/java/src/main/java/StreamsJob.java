import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;

/** J1 and J2 on Kafka Streams. Input is keyed by auction, so counting needs no repartitioning. */
public final class StreamsJob {
  private static final Serde<Job.Bid> BIDS = Serdes.serdeFrom((topic, bid) -> Job.encode(bid), (topic, bytes) -> Job.decode(bytes));

  public static void main(String[] arguments) {
    StreamsBuilder builder = new StreamsBuilder();
    if (Job.COUNTS) count(builder);
    else copy(builder);
    KafkaStreams streams = new KafkaStreams(builder.build(), settings());
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(5))));
    streams.start();
  }

  private static void copy(StreamsBuilder builder) {
    builder
        .stream(Job.IN, Consumed.with(Serdes.String(), BIDS))
        .filter((key, bid) -> bid.price > Job.LIMIT)
        .mapValues(
            bid -> {
              bid.price *= Job.FACTOR;
              return bid;
            })
        .to(Job.OUT, Produced.with(Serdes.String(), BIDS));
  }

  private static void count(StreamsBuilder builder) {
    builder
        .stream(
            Job.IN,
            Consumed.with(Serdes.String(), BIDS).withTimestampExtractor((record, before) -> ((Job.Bid) record.value()).dateTime))
        .groupByKey(Grouped.with(Serdes.String(), BIDS))
        .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMillis(Job.WINDOW_MS)))
        .count(Materialized.with(Serdes.String(), Serdes.Long()))
        .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
        .toStream()
        .map(
            (window, counted) -> {
              long auction = Long.parseLong(window.key());
              return KeyValue.pair(window.key(), Job.encode(new Job.WindowCount(auction, window.window().start(), counted)));
            })
        .to(Job.OUT, Produced.with(Serdes.String(), Serdes.ByteArray()));
  }

  private static Properties settings() {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "streams-" + Job.OUT);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, Job.BROKERS);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Job.THREADS);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, Job.FOLDER);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, Job.COMMIT_MS);
    settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), Job.LATEST ? "latest" : "earliest");
    String guarantee = Job.EXACTLY_ONCE ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE;
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
    return settings;
  }
}
