package nexmark;

import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.connector.source.ScanTableSource;
import org.apache.flink.table.connector.source.SourceProvider;
import org.apache.flink.table.factories.DynamicTableSourceFactory;
import org.apache.flink.table.factories.FactoryUtil;

/** The events as a table: `WITH ('connector' = 'nexmark', 'events' = '…', …)`. */
record EventsTable(Input input) implements ScanTableSource {
    private static final ConfigOption<Long> EVENTS =
            ConfigOptions.key("events").longType().noDefaultValue();
    private static final ConfigOption<Double> TPS =
            ConfigOptions.key("tps").doubleType().noDefaultValue();
    private static final ConfigOption<Long> SEED =
            ConfigOptions.key("seed").longType().noDefaultValue();
    private static final ConfigOption<Long> BASE_TIME =
            ConfigOptions.key("base-time").longType().noDefaultValue();
    private static final ConfigOption<Integer> GENERATORS =
            ConfigOptions.key("generators").intType().noDefaultValue();

    @Override
    public ChangelogMode getChangelogMode() {
        return ChangelogMode.insertOnly();
    }

    @Override
    public ScanRuntimeProvider getScanRuntimeProvider(ScanContext context) {
        return SourceProvider.of(new EventsSource<>(input, new RowMaker()));
    }

    @Override
    public DynamicTableSource copy() {
        return new EventsTable(input);
    }

    @Override
    public String asSummaryString() {
        return "nexmark";
    }

    public static final class Factory implements DynamicTableSourceFactory {
        @Override
        public String factoryIdentifier() {
            return "nexmark";
        }

        @Override
        public Set<ConfigOption<?>> requiredOptions() {
            return Set.of(EVENTS, TPS, SEED, BASE_TIME, GENERATORS);
        }

        @Override
        public Set<ConfigOption<?>> optionalOptions() {
            return Set.of();
        }

        @Override
        public DynamicTableSource createDynamicTableSource(Context context) {
            FactoryUtil.TableFactoryHelper helper = FactoryUtil.createTableFactoryHelper(this, context);
            helper.validate();
            ReadableConfig options = helper.getOptions();
            return new EventsTable(
                    new Input(
                            options.get(EVENTS),
                            options.get(TPS),
                            options.get(SEED),
                            options.get(BASE_TIME),
                            options.get(GENERATORS)));
        }
    }
}
