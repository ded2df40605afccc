package nexmark;

/** An event as a programmer of Flink's DataStream API would write it: public fields, those of a bid. Others leave them empty. */
public class BidEvent {
    public boolean isBid;
    public long auction;
    public long bidder;
    public long price;
    public String channel;
    public String url;
    public long dateTime;
    public String extra;

    public BidEvent() {}

    static final class Maker implements EventMaker<BidEvent> {
        @Override
        public BidEvent person(
                long id, String name, String email, String card, String city, String state, long time, String extra) {
            return other(time);
        }

        @Override
        public BidEvent auction(
                long id,
                String itemName,
                String description,
                long initialBid,
                long reserve,
                long time,
                long expires,
                long seller,
                long category,
                String extra) {
            return other(time);
        }

        @Override
        public BidEvent bid(
                long auction, long bidder, long price, String channel, String url, long time, String extra) {
            BidEvent event = new BidEvent();
            event.isBid = true;
            event.auction = auction;
            event.bidder = bidder;
            event.price = price;
            event.channel = channel;
            event.url = url;
            event.dateTime = time;
            event.extra = extra;
            return event;
        }

        private static BidEvent other(long time) {
            BidEvent event = new BidEvent();
            event.dateTime = time;
            return event;
        }
    }
}
