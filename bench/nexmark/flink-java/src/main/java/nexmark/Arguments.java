package nexmark;

import java.util.HashMap;
import java.util.Map;

/** Arguments of the form name=value. One that nobody knows is refused. */
record Arguments(Map<String, String> values) {
    private static final Map<String, String> DEFAULTS = Map.ofEntries(
            Map.entry("mode", "bench"),
            Map.entry("queries", "q0"),
            Map.entry("events", "0"),
            Map.entry("seconds", "10"),
            Map.entry("warmup", "300000"),
            Map.entry("parallelism", "2"),
            Map.entry("generators", "0"),
            Map.entry("tps", "100000"),
            Map.entry("seed", "42"),
            Map.entry("base-time", "1436918400000"),
            Map.entry("checkpoint", "10s"),
            Map.entry("backend", "hashmap"),
            Map.entry("object-reuse", "false"),
            Map.entry("managed", "2g"),
            Map.entry("network", "256m"),
            Map.entry("folder", ""),
            Map.entry("out", ""));

    static Arguments of(String[] given) {
        Map<String, String> values = new HashMap<>(DEFAULTS);
        for (String each : given) {
            String[] pair = each.split("=", 2);
            if (pair.length < 2 || !DEFAULTS.containsKey(pair[0])) {
                throw new IllegalArgumentException(each + " is none of " + DEFAULTS.keySet());
            }
            values.put(pair[0], pair[1]);
        }
        return new Arguments(values);
    }

    String text(String name) {
        return values.get(name);
    }

    long number(String name) {
        return Long.parseLong(text(name));
    }

    int parallelism() {
        return (int) number("parallelism");
    }

    /** As many generators as subtasks, unless the arguments say otherwise. */
    Input input(long events) {
        long generators = number("generators") == 0 ? parallelism() : number("generators");
        return new Input(
                events, Double.parseDouble(text("tps")), number("seed"), number("base-time"), (int) generators);
    }
}
