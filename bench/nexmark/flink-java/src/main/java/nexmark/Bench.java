package nexmark;

import org.apache.flink.core.execution.JobClient;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/** Runs a query into the void, first to warm up, and prints what the measured run took as a line of JSON. */
final class Bench {
    private static final long FIRST_EVENTS = 300_000;
    private static final double WARMUP_SECONDS = 4;

    private final Arguments arguments;
    private final String query;

    Bench(Arguments arguments) {
        this.arguments = arguments;
        this.query = arguments.text("queries");
    }

    void run() throws Exception {
        long events = arguments.number("events");
        if (events == 0) {
            events = eventsFor(arguments.number("seconds"));
        } else if (arguments.number("warmup") > 0) {
            run(arguments.number("warmup"), "warm-up");
        }
        System.gc();
        report(events, run(events, "measured"));
    }

    /**
     * Two runs warm up and tell how many events keep all subtasks busy for so many seconds. They are told by the CPU time, as
     * the wall clock also measures whatever else the machine does.
     */
    private long eventsFor(long seconds) throws Exception {
        double first = FIRST_EVENTS / run(FIRST_EVENTS, "first").cpuSeconds();
        long second = Math.max(FIRST_EVENTS, rounded(first * WARMUP_SECONDS * arguments.parallelism()));
        return rounded(second / run(second, "second").cpuSeconds() * seconds * arguments.parallelism());
    }

    private static long rounded(double events) {
        return Math.max(1, Math.round(events / 100_000)) * 100_000;
    }

    private Probe.Taken run(long events, String name) throws Exception {
        Cluster cluster = new Cluster(arguments, name);
        Input input = arguments.input(events);
        Probe.reset();
        JobClient client = query.startsWith("ds-") ? stream(cluster, input) : sql(cluster, input);
        client.getJobExecutionResult().get();
        return Probe.taken();
    }

    private JobClient stream(Cluster cluster, Input input) throws Exception {
        StreamExecutionEnvironment env = cluster.streams();
        StreamJobs.describe(env, query, input);
        return env.executeAsync(query);
    }

    private JobClient sql(Cluster cluster, Input input) throws Exception {
        StreamTableEnvironment tables = cluster.tables();
        Table rows = Sql.query(tables, query, input);
        return rows.insertInto(Sql.blackholeFor(rows)).execute().getJobClient().orElseThrow();
    }

    private void report(long events, Probe.Taken taken) throws Exception {
        Json line = new Json()
                .field("query", query)
                .field("events", events)
                .field("parallelism", arguments.parallelism())
                .field("checkpoint", arguments.text("checkpoint"))
                .field("state", arguments.text("backend"))
                .field("object_reuse", Boolean.parseBoolean(arguments.text("object-reuse")))
                .field("wall_s", taken.wallSeconds())
                .field("cpu_s", taken.cpuSeconds())
                .field("gc_s", taken.gcMs() / 1000.0)
                .field("events_per_s", Math.round(events / taken.wallSeconds()))
                .field("events_per_cpu_s", Math.round(events / taken.cpuSeconds()))
                .field("peak_rss_mb", Probe.peakRssMb())
                .field("flink", EnvironmentInformation.getVersion())
                .field("java", Runtime.version().toString());
        System.out.println("RESULT " + line);
    }
}
