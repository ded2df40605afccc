package nexmark;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What a run takes, from when its first reader starts: starting the cluster, planning and deployment are not in it. The
 * CPU time is the process's, with garbage collection, compilation and checkpoints.
 */
final class Probe {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private static Taken begun;

    record Taken(long wallNanos, long cpuNanos, long gcMs) {
        double wallSeconds() {
            return wallNanos / 1e9;
        }

        double cpuSeconds() {
            return cpuNanos / 1e9;
        }
    }

    static synchronized void reset() {
        begun = null;
    }

    static synchronized void begin() {
        if (begun == null) {
            begun = now();
        }
    }

    static synchronized Taken taken() {
        Taken ended = now();
        return new Taken(
                ended.wallNanos - begun.wallNanos, ended.cpuNanos - begun.cpuNanos, ended.gcMs - begun.gcMs);
    }

    static long peakRssMb() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
            }
        }
        return -1;
    }

    private static Taken now() {
        long gcMs = 0;
        for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
            gcMs += Math.max(0, collector.getCollectionTime());
        }
        return new Taken(System.nanoTime(), SYSTEM.getProcessCpuTime(), gcMs);
    }

    private Probe() {}
}
