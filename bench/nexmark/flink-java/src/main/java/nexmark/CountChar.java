package nexmark;

import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.functions.ScalarFunction;

/** q14's function: how often a letter is in a text. It reads the text's bytes as Flink holds them, without decoding. */
public final class CountChar extends ScalarFunction {
    public long eval(@DataTypeHint("STRING") StringData text, @DataTypeHint("STRING") StringData letter) {
        if (text == null) {
            return 0;
        }
        byte searched = letter.toBytes()[0];
        long count = 0;
        for (byte each : text.toBytes()) {
            if (each == searched) {
                count++;
            }
        }
        return count;
    }
}
