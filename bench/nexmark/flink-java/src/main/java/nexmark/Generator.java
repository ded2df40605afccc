package nexmark;

import java.util.SplittableRandom;

/**
 * One of Nexmark's generators: the events of a share of the ids, in order, draw by draw those of
 * github.com/nexmark/nexmark, commit 6b3646c, with seeds.
 *
 * <p>Of 50 events the first is a person, the next three are auctions, the rest bids. The event's id tells which, and the
 * event's number its time, so that all generators cover the same time.
 */
final class Generator<T> {
    private static final int EPOCH = 50;
    private static final int AUCTIONS = 3;
    private static final int FIRST_ID = 1000;
    private static final int FIRST_CATEGORY = 10;
    private static final int HOT_SPAN = 100;
    private static final int ACTIVE_PEOPLE = 1000;
    private static final int AUCTIONS_IN_FLIGHT = 100;
    private static final int ID_LEAD = 10;
    private static final int EVENTS_IN_FLIGHT = AUCTIONS_IN_FLIGHT * EPOCH / AUCTIONS;
    private static final int PERSON_SIZE = 200;
    private static final int AUCTION_SIZE = 500;
    private static final int BID_SIZE = 100;

    private static final String[] FIRST_NAMES =
            "Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter".split(",");
    private static final String[] LAST_NAMES = "Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris".split(",");
    private static final String[] CITIES =
            "Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne".split(",");
    private static final String[] STATES = "AZ,CA,ID,OR,WA,WY".split(",");
    private static final String[] FOUR_DIGITS = new String[10_000];

    static {
        for (int i = 0; i < FOUR_DIGITS.length; i++) {
            FOUR_DIGITS[i] = String.format("%04d", i);
        }
    }

    private final Input input;
    private final Input.Share share;
    private final EventMaker<T> maker;
    private final SplittableRandom random;
    private final Texts texts;
    private long made;

    Generator(Input input, Input.Share share, EventMaker<T> maker) {
        this.input = input;
        this.share = share;
        this.maker = maker;
        this.random = new SplittableRandom(input.seed() + share.firstId());
        this.texts = Texts.of(input.seed());
    }

    long made() {
        return made;
    }

    boolean hasNext() {
        return made < share.events();
    }

    T next() {
        long number = ++made;
        long id = share.firstId() + number;
        long epoch = id / EPOCH;
        int offset = (int) (id % EPOCH);
        long time = input.timeOf(number);
        if (offset == 0) {
            return person(epoch, time);
        }
        if (offset <= AUCTIONS) {
            return auction(epoch, offset, number, time);
        }
        return bid(epoch, time);
    }

    private T person(long epoch, long time) {
        String name = one(FIRST_NAMES) + " " + one(LAST_NAMES);
        String email = Texts.drawText(random, 7) + "@" + Texts.drawText(random, 5) + ".com";
        String creditCard = creditCard();
        String city = one(CITIES);
        String state = one(STATES);
        int size = 8 + name.length() + email.length() + creditCard.length() + city.length() + state.length();
        String extra = texts.drawExtra(random, size, PERSON_SIZE);
        return maker.person(FIRST_ID + epoch, name, email, creditCard, city, state, time, extra);
    }

    private T auction(long epoch, int offset, long number, long time) {
        long id = FIRST_ID + epoch * AUCTIONS + offset - 1;
        long seller = FIRST_ID + (random.nextInt(4) > 0 ? hot(epoch) : anyPerson(epoch));
        long category = FIRST_CATEGORY + random.nextInt(5);
        long initialBid = price();
        long horizonMs = input.timeOf(number + EVENTS_IN_FLIGHT) - time;
        long expires = time + 1 + random.nextInt((int) Math.max(2 * horizonMs, 1));
        String itemName = Texts.drawText(random, 20);
        String description = Texts.drawText(random, 100);
        long reserve = initialBid + price();
        int size = 8 + itemName.length() + description.length() + 5 * 8;
        String extra = texts.drawExtra(random, size, AUCTION_SIZE);
        return maker.auction(
                id, itemName, description, initialBid, reserve, time, expires, seller, category, extra);
    }

    private T bid(long epoch, long time) {
        long lastAuction = epoch * AUCTIONS + AUCTIONS - 1;
        long auction = FIRST_ID + (random.nextInt(2) > 0 ? hot(lastAuction) : anyAuction(lastAuction));
        // The first id twice, as the reference adds it: bidders are shifted against people.
        long bidder = 2 * FIRST_ID + (random.nextInt(4) > 0 ? hot(epoch) + 1 : anyPerson(epoch));
        long price = price();
        Texts.Channel[] drawnFrom = random.nextInt(2) > 0 ? texts.hotChannels : texts.channels;
        Texts.Channel channel = drawnFrom[random.nextInt(drawnFrom.length)];
        String extra = texts.drawExtra(random, 4 * 8, BID_SIZE);
        return maker.bid(auction, bidder, price, channel.name(), channel.url(), time, extra);
    }

    private static long hot(long last) {
        return last / HOT_SPAN * HOT_SPAN;
    }

    private long anyAuction(long last) {
        long first = Math.max(last - AUCTIONS_IN_FLIGHT, 0);
        return first + random.nextInt((int) (last - first + 1 + ID_LEAD));
    }

    private long anyPerson(long epoch) {
        long people = epoch + 1;
        int active = (int) Math.min(people, ACTIVE_PEOPLE);
        return people - active + random.nextInt(active + ID_LEAD);
    }

    /** 100 … 100,000,000 cents, evenly over the orders of magnitude. */
    private long price() {
        return Math.round(Math.pow(10.0, random.nextDouble() * 6.0) * 100.0);
    }

    private String one(String[] texts) {
        return texts[random.nextInt(texts.length)];
    }

    private String creditCard() {
        return one(FOUR_DIGITS) + " " + one(FOUR_DIGITS) + " " + one(FOUR_DIGITS) + " " + one(FOUR_DIGITS);
    }
}
