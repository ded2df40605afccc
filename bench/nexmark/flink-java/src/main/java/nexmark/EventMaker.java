package nexmark;

import java.io.Serializable;

/** What a generator's draws become: rows of SQL, objects of a job, or lines of JSON. Times are epoch milliseconds. */
interface EventMaker<T> extends Serializable {
    T person(
            long id, String name, String email, String creditCard, String city, String state, long time, String extra);

    T auction(
            long id,
            String itemName,
            String description,
            long initialBid,
            long reserve,
            long time,
            long expires,
            long seller,
            long category,
            String extra);

    T bid(long auction, long bidder, long price, String channel, String url, long time, String extra);
}
