package nexmark;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.core.io.InputStatus;

/** Reads a subtask's generators by turns, one event a call, as readers of Flink do. */
final class EventsReader<T> implements SourceReader<T, EventsSource.Split> {
    private final Input input;
    private final EventMaker<T> maker;
    private final List<Input.Share> shares = new ArrayList<>();
    private final List<Generator<T>> generators = new ArrayList<>();
    private final CompletableFuture<Void> complete = new CompletableFuture<>();
    private int turn;

    EventsReader(Input input, EventMaker<T> maker, SourceReaderContext context) {
        this.input = input;
        this.maker = maker;
    }

    @Override
    public void start() {
        Probe.begin();
    }

    /** A generator shows nobody where its draws are, so one that goes on draws again what it had made. */
    @Override
    public void addSplits(List<EventsSource.Split> splits) {
        for (EventsSource.Split split : splits) {
            Generator<T> generator = new Generator<>(input, split.share(), maker);
            while (generator.made() < split.made()) {
                generator.next();
            }
            shares.add(split.share());
            generators.add(generator);
        }
    }

    @Override
    public void notifyNoMoreSplits() {
        complete.complete(null);
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
        return complete;
    }

    @Override
    public InputStatus pollNext(ReaderOutput<T> output) {
        if (!complete.isDone()) {
            return InputStatus.NOTHING_AVAILABLE;
        }
        for (int tried = 0; tried < generators.size(); tried++) {
            Generator<T> generator = generators.get(turn);
            turn = turn + 1 == generators.size() ? 0 : turn + 1;
            if (generator.hasNext()) {
                output.collect(generator.next());
                return InputStatus.MORE_AVAILABLE;
            }
        }
        return InputStatus.END_OF_INPUT;
    }

    @Override
    public List<EventsSource.Split> snapshotState(long checkpoint) {
        List<EventsSource.Split> splits = new ArrayList<>();
        for (int i = 0; i < generators.size(); i++) {
            splits.add(new EventsSource.Split(shares.get(i), generators.get(i).made()));
        }
        return splits;
    }

    @Override
    public void close() {}
}
