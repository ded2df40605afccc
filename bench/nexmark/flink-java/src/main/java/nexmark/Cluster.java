package nexmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/** Flink's cluster in this process: a JobManager, and a TaskManager with as many slots as the job has subtasks. */
final class Cluster {
    private final Arguments arguments;
    private final Configuration configuration;

    /** @param run tells runs in this process apart, each of which has folders of its own */
    Cluster(Arguments arguments, String run) throws IOException {
        this.arguments = arguments;
        this.configuration = Configuration.fromMap(options(arguments, Path.of(arguments.text("folder")).resolve(run)));
    }

    StreamExecutionEnvironment streams() {
        return StreamExecutionEnvironment.createLocalEnvironment(arguments.parallelism(), configuration);
    }

    StreamTableEnvironment tables() {
        return StreamTableEnvironment.create(
                streams(),
                EnvironmentSettings.newInstance()
                        .inStreamingMode()
                        .withConfiguration(configuration)
                        .build());
    }

    private static Map<String, String> options(Arguments arguments, Path folder) throws IOException {
        Map<String, String> options = new HashMap<>();
        options.put("parallelism.default", arguments.text("parallelism"));
        options.put("taskmanager.numberOfTaskSlots", arguments.text("parallelism"));
        options.put("taskmanager.memory.managed.size", arguments.text("managed"));
        options.put("taskmanager.memory.network.min", arguments.text("network"));
        options.put("taskmanager.memory.network.max", arguments.text("network"));
        options.put("pipeline.object-reuse", arguments.text("object-reuse"));
        options.put("table.local-time-zone", "UTC");
        options.put("io.tmp.dirs", made(folder, "tmp").toString());
        options.put("state.backend.type", arguments.text("backend"));
        options.put("state.backend.rocksdb.localdir", made(folder, "rocksdb").toString());
        options.put("execution.checkpointing.incremental", "true");
        options.put("execution.checkpointing.storage", "filesystem");
        options.put("execution.checkpointing.dir", made(folder, "checkpoints").toUri().toString());
        if (!arguments.text("checkpoint").equals("off")) {
            options.put("execution.checkpointing.interval", arguments.text("checkpoint"));
            options.put("execution.checkpointing.mode", "EXACTLY_ONCE");
            // As in Nexmark's own configuration, lest the job's end waits for one more checkpoint.
            options.put("execution.checkpointing.checkpoints-after-tasks-finish.enabled", "false");
        }
        return options;
    }

    private static Path made(Path folder, String name) throws IOException {
        return Files.createDirectories(folder.resolve(name).toAbsolutePath());
    }
}
