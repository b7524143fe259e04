import java.io.PrintStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import java.util.Timer;
import java.util.TimerTask;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

/** pgjdbc, unchanged: run as `java -cp postgresql.jar Jdbc.java`; where to connect comes from libpq's variables. */
public final class Jdbc {
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
  private static final String READ =
      "select id, name, balance, joined, born, active, profile, raw, tags from people where id between ? and ? order by id";

  public static void main(String[] words) throws Exception {
    Properties settings = new Properties();
    settings.setProperty("user", System.getenv("PGUSER"));
    settings.setProperty("password", System.getenv("PGPASSWORD"));
    settings.setProperty("sslmode", System.getenv("PGSSLMODE"));
    settings.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
    String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
    try (Connection connection = DriverManager.getConnection(url, settings)) {
      run(connection, "set timezone to 'UTC'");
      run(connection, "delete from notes where driver = 'pgjdbc'");
      reads(connection);
      transactions(connection);
      prepared(connection);
      cursor(connection);
      copies(connection);
      batches(connection);
      cancelled(connection);
      say("mask", rows(connection, "select id, email from people where id <= 3 order by id"));
      refused(connection);
    }
  }

  private static void reads(Connection connection) throws SQLException {
    try (PreparedStatement read = connection.prepareStatement(READ)) {
      // From the fifth time on pgjdbc prepares on the server and asks for binary results.
      for (int round = 1; round <= 7; round++) {
        read.setInt(1, 5);
        read.setInt(2, 8);
        try (ResultSet result = read.executeQuery()) {
          List<List<String>> seen = rows(result);
          if (round == 1) say("read", seen);
          if (round == 7) say("read in binary", seen);
        }
      }
    }
  }

  private static void transactions(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    run(connection, "insert into notes values ('pgjdbc', 1, 'kept')");
    connection.commit();
    run(connection, "insert into notes values ('pgjdbc', 2, 'lost')");
    say("error in a transaction", stateOf(connection, "select 1 / 0"));
    say("aborted transaction", stateOf(connection, "select 1"));
    connection.rollback();
    run(connection, "insert into notes values ('pgjdbc', 3, 'kept')");
    Savepoint savepoint = connection.setSavepoint();
    say("error behind a savepoint", stateOf(connection, "insert into notes values ('pgjdbc', 3, 'twice')"));
    connection.rollback(savepoint);
    connection.commit();
    connection.setAutoCommit(true);
    say("transactions", rows(connection, "select n, body from notes where driver = 'pgjdbc' order by n"));
  }

  private static void prepared(Connection connection) throws SQLException {
    List<String> names = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement("select name from people where id = ?")) {
      for (int id = 1; id <= 8; id++) {
        statement.setInt(1, id);
        try (ResultSet result = statement.executeQuery()) {
          result.next();
          names.add(result.getString(1));
        }
      }
    }
    say("prepared", names);
  }

  private static void cursor(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    long total = 0;
    try (Statement statement = connection.createStatement()) {
      statement.setFetchSize(300);
      try (ResultSet result = statement.executeQuery("select id from people order by id")) {
        while (result.next()) total += result.getInt(1);
      }
    }
    connection.commit();
    connection.setAutoCommit(true);
    say("cursor", total);
  }

  private static void copies(Connection connection) throws Exception {
    StringBuilder lines = new StringBuilder();
    for (int n = 100; n < 600; n++) lines.append("pgjdbc\t").append(n).append("\tline ").append(n).append('\n');
    CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
    long taken = copy.copyIn("copy notes (driver, n, body) from stdin", new StringReader(lines.toString()));
    StringWriter out = new StringWriter();
    copy.copyOut("copy (select n, body from notes where driver = 'pgjdbc' and n >= 100 order by n) to stdout", out);
    String text = out.toString();
    say("copy", List.of(taken, text.length(), text.substring(0, 24), text.substring(text.length() - 24)));
  }

  private static void batches(Connection connection) throws SQLException {
    try (PreparedStatement insert = connection.prepareStatement("insert into notes values ('pgjdbc', ?, 'batch')")) {
      for (int n = 700; n < 720; n++) {
        insert.setInt(1, n);
        insert.addBatch();
      }
      say("pipeline", insert.executeBatch().length);
    }
  }

  private static void cancelled(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      Timer timer = new Timer(true);
      timer.schedule(
          new TimerTask() {
            @Override
            public void run() {
              try {
                statement.cancel();
              } catch (SQLException error) {
                throw new IllegalStateException(error);
              }
            }
          },
          500);
      statement.execute("select pg_sleep(60)");
      say("cancel", "not cancelled");
    } catch (SQLException error) {
      say("cancel", error.getSQLState());
    }
    say("after the cancel", rows(connection, "select 4"));
  }

  private static void refused(Connection connection) throws SQLException {
    say("refused", stateOf(connection, "select value from secrets"));
    connection.setAutoCommit(false);
    run(connection, "insert into notes values ('pgjdbc', 800, 'lost with the refusal')");
    say("refused in a transaction", stateOf(connection, "select value from secrets"));
    say("behind a refusal in a transaction", stateOf(connection, "select 1"));
    connection.rollback();
    connection.setAutoCommit(true);
    say("after the refusals", rows(connection, "select count(*) from notes where driver = 'pgjdbc' and n = 800"));
  }

  private static String stateOf(Connection connection, String text) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(text);
      return "passed";
    } catch (SQLException error) {
      return error.getSQLState();
    }
  }

  private static void run(Connection connection, String text) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(text);
    }
  }

  private static List<List<String>> rows(Connection connection, String text) throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet result = statement.executeQuery(text)) {
      return rows(result);
    }
  }

  private static List<List<String>> rows(ResultSet result) throws SQLException {
    List<List<String>> rows = new ArrayList<>();
    while (result.next()) {
      List<String> row = new ArrayList<>();
      for (int column = 1; column <= result.getMetaData().getColumnCount(); column++) row.add(textOf(result, column));
      rows.add(row);
    }
    return rows;
  }

  /** Bytes have no text of their own in binary results. */
  private static String textOf(ResultSet result, int column) throws SQLException {
    byte[] bytes = result.getMetaData().getColumnTypeName(column).equals("bytea") ? result.getBytes(column) : null;
    return bytes == null ? result.getString(column) : HexFormat.of().formatHex(bytes);
  }

  private static void say(String step, Object saw) {
    OUT.println("{\"step\": " + quoted(step) + ", \"saw\": " + quoted(String.valueOf(saw)) + "}");
  }

  private static String quoted(String text) {
    return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\t", "\\t") + "\"";
  }
}
