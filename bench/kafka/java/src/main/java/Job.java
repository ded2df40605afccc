import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;

/** What both peers share: the records, their JSON by Jackson, and what the environment says (see bench/kafka/peers.ts). */
public final class Job {
  static final double LIMIT = 100_000;
  static final double FACTOR = 0.908;
  static final long WINDOW_MS = 10_000;
  static final String BROKERS = env("BROKERS");
  static final String IN = env("IN");
  static final String OUT = env("OUT");
  static final String FOLDER = env("FOLDER");
  static final boolean EXACTLY_ONCE = env("GUARANTEE").equals("exactly-once");
  static final boolean COUNTS = env("JOB").equals("j2");
  static final boolean LATEST = env("LATEST").equals("1");
  static final long COMMIT_MS = Long.parseLong(env("COMMIT_MS"));
  static final int THREADS = 2;

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final ObjectReader BIDS = JSON.readerFor(Bid.class);
  private static final ObjectWriter OUTPUT = JSON.writer();
  private static volatile boolean seen;

  private Job() {}

  static String env(String name) {
    String value = System.getenv(name);
    return value == null ? "" : value;
  }

  public static class Bid {
    public long auction;
    public long bidder;
    public double price;
    public String channel;
    public String url;
    public long dateTime;
    public String extra;
  }

  public static class WindowCount {
    public long auction;
    public long start;
    public long count;

    public WindowCount() {}

    public WindowCount(long auction, long start, long count) {
      this.auction = auction;
      this.start = start;
      this.count = count;
    }
  }

  static Bid decode(byte[] bytes) {
    if (!seen) sawFirst();
    try {
      return BIDS.readValue(bytes);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  static byte[] encode(Object value) {
    try {
      return OUTPUT.writeValueAsBytes(value);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private static synchronized void sawFirst() {
    if (seen) return;
    seen = true;
    System.out.println("FIRST " + System.currentTimeMillis());
  }
}
