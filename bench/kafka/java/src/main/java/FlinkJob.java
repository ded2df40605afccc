import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.serialization.AbstractDeserializationSchema;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.KafkaSinkBuilder;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.producer.ProducerRecord;

/** J1 and J2 on Flink in one process: hash-map state, object reuse, a buffer timeout of 5 ms so that latency is not its default. */
public final class FlinkJob {
  public static void main(String[] arguments) throws Exception {
    StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(Job.THREADS, settings());
    if (Job.COUNTS) count(env);
    else copy(env);
    env.execute();
  }

  private static void copy(StreamExecutionEnvironment env) {
    env.fromSource(source(), WatermarkStrategy.noWatermarks(), "bids")
        .filter(bid -> bid.price > Job.LIMIT)
        .map(
            bid -> {
              bid.price *= Job.FACTOR;
              return bid;
            })
        .returns(Job.Bid.class)
        .sinkTo(sink((bid, context, time) -> record(bid.auction, bid)));
  }

  private static void count(StreamExecutionEnvironment env) {
    WatermarkStrategy<Job.Bid> inOrder =
        WatermarkStrategy.<Job.Bid>forMonotonousTimestamps().withTimestampAssigner((bid, before) -> bid.dateTime);
    env.fromSource(source(), inOrder, "bids")
        .keyBy(bid -> bid.auction, Types.LONG)
        .window(TumblingEventTimeWindows.of(Duration.ofMillis(Job.WINDOW_MS)))
        .aggregate(new Count(), new Emit())
        .sinkTo(sink((window, context, time) -> record(window.auction, window)));
  }

  private static ProducerRecord<byte[], byte[]> record(long auction, Object value) {
    return new ProducerRecord<>(Job.OUT, Long.toString(auction).getBytes(StandardCharsets.UTF_8), Job.encode(value));
  }

  private static KafkaSource<Job.Bid> source() {
    return KafkaSource.<Job.Bid>builder()
        .setBootstrapServers(Job.BROKERS)
        .setTopics(Job.IN)
        .setGroupId("flink-" + Job.OUT)
        .setStartingOffsets(Job.LATEST ? OffsetsInitializer.latest() : OffsetsInitializer.earliest())
        .setValueOnlyDeserializer(new Bids())
        .build();
  }

  private static <T> KafkaSink<T> sink(KafkaRecordSerializationSchema<T> serialiser) {
    Properties producer = new Properties();
    producer.put("transaction.timeout.ms", "600000");
    KafkaSinkBuilder<T> builder =
        KafkaSink.<T>builder()
            .setBootstrapServers(Job.BROKERS)
            .setRecordSerializer(serialiser)
            .setKafkaProducerConfig(producer)
            .setDeliveryGuarantee(Job.EXACTLY_ONCE ? DeliveryGuarantee.EXACTLY_ONCE : DeliveryGuarantee.AT_LEAST_ONCE);
    if (Job.EXACTLY_ONCE) builder.setTransactionalIdPrefix("flink-" + Job.OUT);
    return builder.build();
  }

  private static Configuration settings() {
    Configuration settings = new Configuration();
    settings.set(StateBackendOptions.STATE_BACKEND, "hashmap");
    settings.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
    settings.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, "file://" + Job.FOLDER);
    settings.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(Job.COMMIT_MS));
    settings.set(PipelineOptions.OBJECT_REUSE, true);
    settings.set(TaskManagerOptions.NUM_TASK_SLOTS, Job.THREADS);
    settings.set(ExecutionOptions.BUFFER_TIMEOUT, Duration.ofMillis(5));
    return settings;
  }

  private static final class Bids extends AbstractDeserializationSchema<Job.Bid> {
    @Override
    public Job.Bid deserialize(byte[] message) {
      return Job.decode(message);
    }
  }

  private static final class Count implements AggregateFunction<Job.Bid, Long, Long> {
    @Override
    public Long createAccumulator() {
      return 0L;
    }

    @Override
    public Long add(Job.Bid bid, Long count) {
      return count + 1;
    }

    @Override
    public Long getResult(Long count) {
      return count;
    }

    @Override
    public Long merge(Long one, Long other) {
      return one + other;
    }
  }

  private static final class Emit extends ProcessWindowFunction<Long, Job.WindowCount, Long, TimeWindow> {
    @Override
    public void process(Long auction, Context context, Iterable<Long> counts, Collector<Job.WindowCount> out) {
      out.collect(new Job.WindowCount(auction, context.window().getStart(), counts.iterator().next()));
    }
  }
}
