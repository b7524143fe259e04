import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.postgresql.util.PSQLException;

/** What a program says: one line of JSON for each feature, with what the driver saw. */
final class Said {
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  private static final BufferedReader IN = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

  /** A feature; its value is what the driver saw. */
  interface Feature {
    Object run() throws Exception;
  }

  private final Map<String, Feature> features = new LinkedHashMap<>();
  private final Map<String, String> absent = new LinkedHashMap<>();

  void feature(String name, Feature feature) {
    features.put(name, feature);
  }

  void absent(String why, String... names) {
    for (String name : names) absent.put(name, why);
  }

  void run(String versions, String[] names) {
    OUT.println("{\"versions\": " + quoted(versions) + "}");
    for (String name : names) {
      String start = "{\"feature\": " + quoted(name) + ", ";
      if (absent.containsKey(name)) OUT.println(start + "\"absent\": " + quoted(absent.get(name)) + "}");
      else if (features.containsKey(name)) OUT.println(start + outcome(features.get(name)) + "}");
    }
  }

  private static String outcome(Feature feature) {
    try {
      return "\"saw\": " + quoted(String.valueOf(feature.run()));
    } catch (Exception error) {
      return "\"failed\": {\"state\": " + quoted(stateOf(error)) + ", \"text\": " + quoted(textOf(error)) + "}";
    }
  }

  static void ask(String what) throws IOException {
    OUT.println("{\"ask\": " + quoted(what) + "}");
    IN.readLine();
  }

  /** What is asked for is an error: which one. */
  static String attempt(Feature feature) throws Exception {
    try {
      return String.valueOf(feature.run());
    } catch (SQLException error) {
      return stateOf(error);
    }
  }

  /** An error with these words is what is asked for; any other is one. */
  static String turnedDown(String words, Feature feature) throws Exception {
    try {
      return String.valueOf(feature.run());
    } catch (SQLException error) {
      if (textOf(error).contains(words)) return words;
      throw error;
    }
  }

  static String stateOf(Exception error) {
    return error instanceof SQLException sql && sql.getSQLState() != null ? sql.getSQLState() : error.getClass().getSimpleName();
  }

  /** All that the server, the gateway and the driver said. */
  static String textOf(Throwable error) {
    String detail = error instanceof PSQLException sql && sql.getServerErrorMessage() != null ? " " + sql.getServerErrorMessage().getDetail() : "";
    String cause = error.getCause() == null ? "" : " " + textOf(error.getCause());
    return error.getMessage() + detail + cause;
  }

  private static String quoted(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char each : text.toCharArray()) {
      if (each == '"' || each == '\\') out.append('\\').append(each);
      else if (each < ' ') out.append(String.format("\\u%04x", (int) each));
      else out.append(each);
    }
    return out.append('"').toString();
  }
}
