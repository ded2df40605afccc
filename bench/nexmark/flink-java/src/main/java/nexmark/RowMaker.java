package nexmark;

import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;

/** Rows of the events' table: the kind, and of the three nested rows that which is of this kind. */
final class RowMaker implements EventMaker<RowData> {
    private static final int COLUMNS = 4;

    @Override
    public RowData person(
            long id, String name, String email, String creditCard, String city, String state, long time, String extra) {
        return event(
                0,
                GenericRowData.of(
                        id, text(name), text(email), text(creditCard), text(city), text(state), at(time), text(extra)));
    }

    @Override
    public RowData auction(
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
        return event(
                1,
                GenericRowData.of(
                        id,
                        text(itemName),
                        text(description),
                        initialBid,
                        reserve,
                        at(time),
                        at(expires),
                        seller,
                        category,
                        text(extra)));
    }

    @Override
    public RowData bid(long auction, long bidder, long price, String channel, String url, long time, String extra) {
        return event(2, GenericRowData.of(auction, bidder, price, text(channel), text(url), at(time), text(extra)));
    }

    private static RowData event(int kind, RowData fields) {
        GenericRowData row = new GenericRowData(COLUMNS);
        row.setField(0, kind);
        row.setField(1 + kind, fields);
        return row;
    }

    private static StringData text(String text) {
        return StringData.fromString(text);
    }

    private static TimestampData at(long time) {
        return TimestampData.fromEpochMillis(time);
    }
}
