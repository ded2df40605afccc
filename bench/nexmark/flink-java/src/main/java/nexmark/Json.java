package nexmark;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.Locale;

/** An object of JSON, field by field: times as epoch milliseconds, decimals as texts, so that none of their digits is lost. */
final class Json {
    private final StringBuilder text = new StringBuilder("{");

    Json field(String name, Object value) {
        if (text.length() > 1) {
            text.append(',');
        }
        quote(name);
        text.append(':');
        if (value == null || value instanceof Long || value instanceof Integer || value instanceof Boolean) {
            text.append(value);
        } else if (value instanceof Double real) {
            text.append(String.format(Locale.ROOT, "%.3f", real));
        } else if (value instanceof LocalDateTime time) {
            text.append(time.toInstant(ZoneOffset.UTC).toEpochMilli());
        } else if (value instanceof Instant time) {
            text.append(time.toEpochMilli());
        } else if (value instanceof BigDecimal decimal) {
            quote(decimal.toPlainString());
        } else {
            quote(value.toString());
        }
        return this;
    }

    @Override
    public String toString() {
        return text + "}";
    }

    private void quote(String value) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) {
            char letter = value.charAt(i);
            if (letter == '"' || letter == '\\') {
                text.append('\\').append(letter);
            } else if (letter < ' ') {
                text.append(String.format("\\u%04x", (int) letter));
            } else {
                text.append(letter);
            }
        }
        text.append('"');
    }
}
