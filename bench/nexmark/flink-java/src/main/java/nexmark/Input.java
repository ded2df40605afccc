package nexmark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * What the events depend on.
 *
 * @param tps events a second of event time, over all generators together
 * @param baseTime the time of event number 0, which is never made
 */
record Input(long events, double tps, long seed, long baseTime, int generators) implements Serializable {

    /** A generator's share: the ids it begins with, and how many events it makes. */
    record Share(int generator, long firstId, long events) implements Serializable {}

    /** The last generator makes what the division leaves over. */
    List<Share> shares() {
        List<Share> shares = new ArrayList<>();
        long each = events / generators;
        for (int i = 0; i < generators; i++) {
            long own = i == generators - 1 ? events - each * (generators - 1) : each;
            shares.add(new Share(i, 1 + i * each, own));
        }
        return shares;
    }

    /** In whole microseconds first, then in whole milliseconds. */
    long timeOf(long number) {
        return baseTime + (long) (number * (1_000_000.0 / tps * generators)) / 1000;
    }
}
