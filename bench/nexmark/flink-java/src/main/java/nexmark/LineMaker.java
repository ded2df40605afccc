package nexmark;

/** Lines of JSON, as the generator in TypeScript writes its events. */
final class LineMaker implements EventMaker<String> {
    @Override
    public String person(
            long id, String name, String email, String creditCard, String city, String state, long time, String extra) {
        return new Json()
                .field("type", "person")
                .field("id", id)
                .field("name", name)
                .field("emailAddress", email)
                .field("creditCard", creditCard)
                .field("city", city)
                .field("state", state)
                .field("dateTime", time)
                .field("extra", extra)
                .toString();
    }

    @Override
    public String auction(
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
        return new Json()
                .field("type", "auction")
                .field("id", id)
                .field("itemName", itemName)
                .field("description", description)
                .field("initialBid", initialBid)
                .field("reserve", reserve)
                .field("dateTime", time)
                .field("expires", expires)
                .field("seller", seller)
                .field("category", category)
                .field("extra", extra)
                .toString();
    }

    @Override
    public String bid(long auction, long bidder, long price, String channel, String url, long time, String extra) {
        return new Json()
                .field("type", "bid")
                .field("auction", auction)
                .field("bidder", bidder)
                .field("price", price)
                .field("channel", channel)
                .field("url", url)
                .field("dateTime", time)
                .field("extra", extra)
                .toString();
    }
}
