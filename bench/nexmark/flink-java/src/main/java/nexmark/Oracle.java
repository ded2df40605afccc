package nexmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.CloseableIterator;

/** Writes what Flink makes of the events, for others to be compared with: a file of sorted lines of JSON a query. */
final class Oracle {
    private final Arguments arguments;
    private final Input input;
    private final Path folder;

    Oracle(Arguments arguments) throws IOException {
        this.arguments = arguments;
        this.input = arguments.input(arguments.number("events"));
        this.folder = Files.createDirectories(Path.of(arguments.text("out")));
    }

    /** What the events were made of, and the events themselves, those of all generators by turns. */
    void writeEvents() throws Exception {
        Json setting = new Json()
                .field("events", input.events())
                .field("tps", (long) input.tps())
                .field("seed", input.seed())
                .field("baseTime", input.baseTime())
                .field("generators", input.generators());
        Files.writeString(folder.resolve("input.json"), setting + "\n");
        List<String> lines = new ArrayList<>();
        List<Generator<String>> generators = input.shares().stream()
                .map(share -> new Generator<>(input, share, new LineMaker()))
                .toList();
        while (lines.size() < input.events()) {
            for (Generator<String> generator : generators) {
                if (generator.hasNext()) {
                    lines.add(generator.next());
                }
            }
        }
        Files.write(folder.resolve("events.jsonl"), lines);
    }

    void writeTables() throws Exception {
        for (String query : arguments.text("queries").split(",")) {
            List<String> lines = table(query);
            Files.write(folder.resolve(query + ".jsonl"), lines);
            System.out.println("ORACLE " + query + ", rows " + lines.size());
        }
    }

    /** The rows that are left when the changes were made to them. */
    private List<String> table(String query) throws Exception {
        StreamTableEnvironment tables = new Cluster(arguments, query).tables();
        Table rows = Sql.query(tables, query, input);
        List<String> names = rows.getResolvedSchema().getColumnNames();
        Optional<String> key = Sql.keyOfChanges(query);
        Materialised table = key.isPresent() ? new ByKey(names, key.get()) : new ByRow(names);
        try (CloseableIterator<Row> changes = tables.toChangelogStream(rows).executeAndCollect()) {
            changes.forEachRemaining(table::apply);
        }
        return table.lines().stream().sorted().toList();
    }

    private interface Materialised {
        void apply(Row change);

        Collection<String> lines();
    }

    /** Changes that name the row as it was before they name it as it is. */
    private static final class ByRow implements Materialised {
        private final List<String> names;
        private final Map<String, Integer> counts = new HashMap<>();
        private int updates;

        ByRow(List<String> names) {
            this.names = names;
        }

        @Override
        public void apply(Row change) {
            boolean added = change.getKind() == RowKind.INSERT || change.getKind() == RowKind.UPDATE_AFTER;
            counts.merge(line(names, change), added ? 1 : -1, Integer::sum);
            updates += change.getKind() == RowKind.UPDATE_AFTER ? 1 : 0;
            updates -= change.getKind() == RowKind.UPDATE_BEFORE ? 1 : 0;
        }

        @Override
        public Collection<String> lines() {
            if (updates != 0) {
                throw new IllegalStateException("these changes do not name the row as it was: they need a key");
            }
            List<String> lines = new ArrayList<>();
            counts.forEach((line, count) -> {
                if (count < 0) {
                    throw new IllegalStateException("taken back more often than put out: " + line);
                }
                lines.addAll(Collections.nCopies(count, line));
            });
            return lines;
        }
    }

    /** Changes that only name the row as it is. */
    private static final class ByKey implements Materialised {
        private final List<String> names;
        private final String key;
        private final Map<Object, String> latest = new HashMap<>();

        ByKey(List<String> names, String key) {
            this.names = names;
            this.key = key;
        }

        @Override
        public void apply(Row change) {
            if (change.getKind() == RowKind.DELETE) {
                latest.remove(change.getField(key));
            } else if (change.getKind() != RowKind.UPDATE_BEFORE) {
                latest.put(change.getField(key), line(names, change));
            }
        }

        @Override
        public Collection<String> lines() {
            return latest.values();
        }
    }

    private static String line(List<String> names, Row row) {
        Json line = new Json();
        for (int i = 0; i < names.size(); i++) {
            line.field(names.get(i), row.getField(i));
        }
        return line.toString();
    }
}
