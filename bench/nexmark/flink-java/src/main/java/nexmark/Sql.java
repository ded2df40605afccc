package nexmark;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.TableDescriptor;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.catalog.Column;

/** Nexmark's tables and queries, which stand in `queries.sql`, in a table environment. */
final class Sql {
    private static final String BLACKHOLE = "blackhole";
    private static final Pattern KEY = Pattern.compile("(?m)^-- Key of its changes: (\\w+)$");

    /** The events' table and what q13 and q14 need; then the query's rows. */
    static Table query(StreamTableEnvironment tables, String query, Input input) throws IOException {
        for (String statement : part("tables").split(";")) {
            if (!statement.isBlank()) {
                tables.executeSql(withInput(statement, input));
            }
        }
        return tables.sqlQuery(part(query).strip().replaceFirst(";$", ""));
    }

    /** The column by which a query's changes replace rows; absent where they take back the row as it was. */
    static Optional<String> keyOfChanges(String query) throws IOException {
        Matcher named = KEY.matcher(part(query));
        return named.find() ? Optional.of(named.group(1)) : Optional.empty();
    }

    /** Its columns may all be empty: a sink that forbids it would have every row checked. */
    static TableDescriptor blackholeFor(Table rows) {
        Schema.Builder schema = Schema.newBuilder();
        for (Column column : rows.getResolvedSchema().getColumns()) {
            schema.column(column.getName(), column.getDataType().nullable());
        }
        return TableDescriptor.forConnector(BLACKHOLE).schema(schema.build()).build();
    }

    private static String withInput(String statement, Input input) {
        return statement
                .replace("${EVENTS}", Long.toString(input.events()))
                .replace("${TPS}", Double.toString(input.tps()))
                .replace("${SEED}", Long.toString(input.seed()))
                .replace("${BASE_TIME}", Long.toString(input.baseTime()))
                .replace("${GENERATORS}", Integer.toString(input.generators()));
    }

    /** What stands between `-- NAME` at the beginning of a line and the next line of dashes and a name. */
    private static String part(String name) throws IOException {
        List<String> parts = Arrays.asList(file().split("(?m)^-- (?=[a-z0-9]+$)"));
        Optional<String> found = parts.stream().filter(each -> each.startsWith(name + "\n")).findFirst();
        return found.orElseThrow(() -> new IllegalArgumentException("Flink's SQL has no " + name))
                .substring(name.length());
    }

    private static String file() throws IOException {
        try (InputStream in = Sql.class.getResourceAsStream("/queries.sql")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private Sql() {}
}
