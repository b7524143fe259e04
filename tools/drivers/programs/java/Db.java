import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;

/** pgjdbc: what its features share. */
final class Db {
  static final String DRIVER = "pgjdbc";
  static final String INSERT = "insert into notes values ('pgjdbc', ?, ?)";

  static String env(String name) {
    return System.getenv(name);
  }

  /** A connection to the run's own server; what is given changes a setting, and a host with its port. */
  static Connection open(String... changed) throws SQLException {
    Properties settings = new Properties();
    settings.setProperty("user", env("PGUSER"));
    settings.setProperty("password", env("PGPASSWORD"));
    settings.setProperty("sslmode", "verify-full");
    settings.setProperty("sslrootcert", env("PGSSLROOTCERT"));
    String where = env("PGHOST") + ":" + env("PGPORT");
    for (int at = 0; at < changed.length; at += 2) {
      if (changed[at].equals("where")) where = changed[at + 1];
      else settings.setProperty(changed[at], changed[at + 1]);
    }
    return DriverManager.getConnection("jdbc:postgresql://" + where + "/" + env("PGDATABASE"), settings);
  }

  static String at(String port) {
    return env("PGHOST") + ":" + env(port + "_PORT");
  }

  static void run(Connection connection, String text) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(text);
    }
  }

  static void clear(Connection connection) throws SQLException {
    run(connection, "delete from notes where driver = 'pgjdbc'");
  }

  static int put(Connection connection, int n, String body) throws SQLException {
    try (PreparedStatement insert = connection.prepareStatement(INSERT)) {
      insert.setInt(1, n);
      insert.setString(2, body);
      return insert.executeUpdate();
    }
  }

  static List<List<String>> notes(Connection connection) throws SQLException {
    return rows(connection, "select n, body from notes where driver = 'pgjdbc' order by n");
  }

  static String one(Connection connection, String text) throws SQLException {
    return rows(connection, text).get(0).get(0);
  }

  static List<List<String>> rows(Connection connection, String text) throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet result = statement.executeQuery(text)) {
      return rows(result);
    }
  }

  static List<List<String>> rows(ResultSet result) throws SQLException {
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
}
