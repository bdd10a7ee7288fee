import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.utils.Exit;

/** Runs Apache Kafka's tools in one process: a line of standard input a run, words with tabs between,
 * the class first. For each run one line: status, standard output, standard error, in base64. */
public class Tools {
    static class Ended extends RuntimeException {
        final int status;
        Ended(int status) { super(null, null, false, false); this.status = status; }
    }

    static int run(String[] words) throws Exception {
        try {
            Class.forName(words[0]).getMethod("main", String[].class)
                .invoke(null, (Object) Arrays.copyOfRange(words, 1, words.length));
            return 0;
        } catch (java.lang.reflect.InvocationTargetException e) {
            Throwable cause = e.getCause();
            if (cause instanceof Ended) {
                return ((Ended) cause).status;
            }
            System.err.print("Exception in thread \"main\" ");
            cause.printStackTrace();
            return 1;
        }
    }

    public static void main(String[] args) throws Exception {
        Exit.setExitProcedure((status, message) -> { throw new Ended(status); });
        Exit.setHaltProcedure((status, message) -> { throw new Ended(status); });
        PrintStream real = System.out;
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            ByteArrayOutputStream out = new ByteArrayOutputStream(), err = new ByteArrayOutputStream();
            System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
            int status = run(line.split("\t", -1));
            System.out.flush();
            System.err.flush();
            Base64.Encoder b64 = Base64.getEncoder();
            real.println(status + " " + b64.encodeToString(out.toByteArray()) + " " + b64.encodeToString(err.toByteArray()));
            real.flush();
        }
    }
}
