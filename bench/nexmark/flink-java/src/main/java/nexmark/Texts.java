package nexmark;

import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;

/** The texts of the events: what is drawn anew for each, and the tables that a seed makes once. */
final class Texts {
    private static final int STATIC_TEXT_LENGTH = 1 << 20;
    private static final int CHANNELS = 10_000;
    private static final int LETTERS_PER_DRAW = 6;
    private static final int LENGTH_MIN = 3;
    private static final String[] HOT_NAMES = {"Google", "Facebook", "Baidu", "Apple"};
    private static final ConcurrentHashMap<Long, Texts> BY_SEED = new ConcurrentHashMap<>();

    record Channel(String name, String url) {}

    final Channel[] hotChannels = new Channel[HOT_NAMES.length];
    final Channel[] channels = new Channel[CHANNELS];
    private final String staticText;

    static Texts of(long seed) {
        return BY_SEED.computeIfAbsent(seed, Texts::new);
    }

    private Texts(long seed) {
        SplittableRandom random = new SplittableRandom(seed - 2);
        for (int i = 0; i < hotChannels.length; i++) {
            hotChannels[i] = new Channel(HOT_NAMES[i], baseUrl(random));
        }
        for (int i = 0; i < CHANNELS; i++) {
            String url = baseUrl(random);
            // The channel's number with its bits in reverse; that of channel 1 keeps its sign, as `abs` leaves it.
            String id = random.nextInt(10) > 0 ? "&channel_id=" + Math.abs(Integer.reverse(i)) : "";
            channels[i] = new Channel("channel-" + i, url + id);
        }
        staticText = staticText(new SplittableRandom(seed - 1));
    }

    /** Letters and spaces, 3 … lengthMax-1 of them, without spaces around them. */
    static String drawText(SplittableRandom random, int lengthMax) {
        return drawLetters(random, lengthMax, ' ').trim();
    }

    /** Ballast that brings an event of `size` characters to about `sizeMean`; empty if it is larger. */
    String drawExtra(SplittableRandom random, int size, int sizeMean) {
        if (size > sizeMean) {
            return "";
        }
        int missing = sizeMean - size;
        int delta = (int) Math.round(missing * 0.2);
        int length = missing - delta + (delta == 0 ? 0 : random.nextInt(2 * delta));
        int at = random.nextInt(STATIC_TEXT_LENGTH - length);
        return staticText.substring(at, at + length);
    }

    private static String baseUrl(SplittableRandom random) {
        StringBuilder url = new StringBuilder("https://www.nexmark.com/");
        for (int folder = 0; folder < 3; folder++) {
            url.append(drawLetters(random, 5, '_')).append('/');
        }
        return url.append("item.htm?query=1").toString();
    }

    private static String drawLetters(SplittableRandom random, int lengthMax, char special) {
        char[] letters = new char[LENGTH_MIN + random.nextInt(lengthMax - LENGTH_MIN)];
        for (int i = 0; i < letters.length; i++) {
            letters[i] = random.nextInt(13) == 0 ? special : (char) ('a' + random.nextInt(26));
        }
        return new String(letters);
    }

    /** Remainders of negative draws are negative: so half of the letters lie before 'a'. */
    private static String staticText(SplittableRandom random) {
        char[] letters = new char[STATIC_TEXT_LENGTH];
        int at = 0;
        while (at < letters.length) {
            int drawn = random.nextInt();
            for (int n = 0; n < LETTERS_PER_DRAW && at < letters.length; n++) {
                letters[at++] = (char) ('a' + drawn % 26);
                drawn /= 26;
            }
        }
        return new String(letters);
    }
}
