package nexmark;

/**
 * Nexmark on Flink in one process. Arguments are name=value:
 *
 * <pre>
 *   mode=bench folder=SCRATCH queries=q5 (events=N warmup=N | seconds=S) parallelism object-reuse backend checkpoint
 *   mode=oracle folder=SCRATCH out=DIR queries=q0,q1,… events tps seed base-time generators parallelism
 *   mode=events out=DIR events tps seed base-time generators
 * </pre>
 */
public final class Main {
    public static void main(String[] given) throws Exception {
        endWithParent();
        Arguments arguments = Arguments.of(given);
        switch (arguments.text("mode")) {
            case "bench" -> new Bench(arguments).run();
            case "oracle" -> new Oracle(arguments).writeTables();
            case "events" -> new Oracle(arguments).writeEvents();
            default -> throw new IllegalArgumentException("mode is bench, oracle or events");
        }
        System.out.flush();
        // Threads of the cluster that end by themselves would be waited for.
        Runtime.getRuntime().halt(0);
    }

    /** Whoever began a run and was killed cannot end it. */
    private static void endWithParent() {
        ProcessHandle.current()
                .parent()
                .ifPresent(parent -> parent.onExit()
                        .thenRun(() -> Runtime.getRuntime().halt(1)));
    }

    private Main() {}
}
