package nexmark;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/** The events as a source of Flink. A split is a generator; a reader takes the events of its generators by turns. */
final class EventsSource<T> implements Source<T, EventsSource.Split, List<EventsSource.Split>> {

    /** A generator's share, and how many of its events were made. */
    record Split(Input.Share share, long made) implements SourceSplit, java.io.Serializable {
        @Override
        public String splitId() {
            return "generator-" + share.generator();
        }
    }

    private final Input input;
    private final EventMaker<T> maker;

    EventsSource(Input input, EventMaker<T> maker) {
        this.input = input;
        this.maker = maker;
    }

    @Override
    public Boundedness getBoundedness() {
        return Boundedness.BOUNDED;
    }

    @Override
    public SourceReader<T, Split> createReader(SourceReaderContext context) {
        return new EventsReader<>(input, maker, context);
    }

    @Override
    public SplitEnumerator<Split, List<Split>> createEnumerator(SplitEnumeratorContext<Split> context) {
        return new Enumerator(context, input.shares().stream().map(share -> new Split(share, 0)).toList());
    }

    @Override
    public SplitEnumerator<Split, List<Split>> restoreEnumerator(
            SplitEnumeratorContext<Split> context, List<Split> left) {
        return new Enumerator(context, left);
    }

    @Override
    public SimpleVersionedSerializer<Split> getSplitSerializer() {
        return new JavaSerializer<>();
    }

    @Override
    public SimpleVersionedSerializer<List<Split>> getEnumeratorCheckpointSerializer() {
        return new JavaSerializer<>();
    }

    /** Every reader gets its part of the generators when it registers, and then the word that there are no more. */
    private static final class Enumerator implements SplitEnumerator<Split, List<Split>> {
        private final SplitEnumeratorContext<Split> context;
        private final List<Split> left;

        Enumerator(SplitEnumeratorContext<Split> context, List<Split> splits) {
            this.context = context;
            this.left = new ArrayList<>(splits);
        }

        @Override
        public void addReader(int subtask) {
            int readers = context.currentParallelism();
            for (Split split : List.copyOf(left)) {
                if (split.share().generator() % readers == subtask) {
                    left.remove(split);
                    context.assignSplit(split, subtask);
                }
            }
            context.signalNoMoreSplits(subtask);
        }

        @Override
        public void addSplitsBack(List<Split> splits, int subtask) {
            left.addAll(splits);
        }

        @Override
        public List<Split> snapshotState(long checkpoint) {
            return new ArrayList<>(left);
        }

        @Override
        public void start() {}

        @Override
        public void handleSplitRequest(int subtask, String host) {}

        @Override
        public void close() {}
    }

    private static final class JavaSerializer<S> implements SimpleVersionedSerializer<S> {
        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(S value) throws IOException {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
                out.writeObject(value);
            }
            return bytes.toByteArray();
        }

        @Override
        @SuppressWarnings("unchecked") // of what `serialize` wrote
        public S deserialize(int version, byte[] bytes) throws IOException {
            try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes))) {
                return (S) in.readObject();
            } catch (ClassNotFoundException missing) {
                throw new IOException(missing);
            }
        }
    }
}
