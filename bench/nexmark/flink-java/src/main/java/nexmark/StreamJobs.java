package nexmark;

import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/**
 * The jobs that are no queries, by hand in Flink's DataStream API. Those named "-projected" send only the key to the next
 * task, as a programmer does who knows what the shuffle costs.
 */
final class StreamJobs {
    private static final Duration OUT_OF_ORDERNESS = Duration.ofSeconds(4);
    private static final Duration WINDOW = Duration.ofSeconds(10);

    static void describe(StreamExecutionEnvironment env, String job, Input input) {
        EventsSource<BidEvent> source = new EventsSource<>(input, new BidEvent.Maker());
        WatermarkStrategy<BidEvent> watermarks = job.startsWith("ds-window")
                ? WatermarkStrategy.<BidEvent>forBoundedOutOfOrderness(OUT_OF_ORDERNESS)
                        .withTimestampAssigner((event, time) -> event.dateTime)
                : WatermarkStrategy.noWatermarks();
        DataStream<BidEvent> bids = env.fromSource(source, watermarks, "nexmark", TypeInformation.of(BidEvent.class))
                .filter(event -> event.isBid);
        switch (job) {
            case "ds-map" -> bids.map(StreamJobs::inEuros)
                    .filter(bid -> bid.price > 0)
                    .sinkTo(new DiscardingSink<>());
            case "ds-window" -> windows(bids, bid -> bid.auction);
            case "ds-window-projected" -> windows(bids.map(bid -> bid.auction).returns(Types.LONG), key -> key);
            case "ds-count" -> counts(bids, bid -> bid.bidder);
            case "ds-count-projected" -> counts(bids.map(bid -> bid.bidder).returns(Types.LONG), key -> key);
            default -> throw new IllegalArgumentException("there is no job " + job);
        }
    }

    private static <T> void windows(DataStream<T> bids, KeySelector<T, Long> key) {
        bids.keyBy(key)
                .window(TumblingEventTimeWindows.of(WINDOW))
                .aggregate(new Counting<>(), new WithWindow())
                .sinkTo(new DiscardingSink<>());
    }

    private static <T> void counts(DataStream<T> bids, KeySelector<T, Long> key) {
        bids.keyBy(key).map(new RunningCount<>(key)).sinkTo(new DiscardingSink<>());
    }

    private static BidEvent inEuros(BidEvent bid) {
        BidEvent converted = new BidEvent();
        converted.isBid = bid.isBid;
        converted.auction = bid.auction;
        converted.bidder = bid.bidder;
        converted.price = Math.round(bid.price * 0.908);
        converted.channel = bid.channel;
        converted.url = bid.url;
        converted.dateTime = bid.dateTime;
        converted.extra = bid.extra;
        return converted;
    }

    private static final class Counting<T> implements AggregateFunction<T, Long, Long> {
        @Override
        public Long createAccumulator() {
            return 0L;
        }

        @Override
        public Long add(T value, Long count) {
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

    private static final class WithWindow
            extends ProcessWindowFunction<Long, Tuple3<Long, Long, Long>, Long, TimeWindow> {
        @Override
        public void process(
                Long key, Context context, Iterable<Long> counts, Collector<Tuple3<Long, Long, Long>> output) {
            output.collect(Tuple3.of(key, context.window().getEnd(), counts.iterator().next()));
        }
    }

    private static final class RunningCount<T> extends RichMapFunction<T, Tuple2<Long, Long>> {
        private final KeySelector<T, Long> key;
        private transient ValueState<Long> count;

        RunningCount(KeySelector<T, Long> key) {
            this.key = key;
        }

        @Override
        public void open(OpenContext context) {
            count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Types.LONG));
        }

        @Override
        public Tuple2<Long, Long> map(T bid) throws Exception {
            Long before = count.value();
            long now = before == null ? 1 : before + 1;
            count.update(now);
            return Tuple2.of(key.getKey(bid), now);
        }
    }

    private StreamJobs() {}
}
