import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Timer;
import java.util.TimerTask;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;

/** pgjdbc: what the server says by itself, large objects, cancels, losses, the schema. */
final class Ending {
  private static final int WORKERS = 6;
  private static final int EACH = 40;
  private static final int WAIT_MS = 10_000;

  static void into(Said said) {
    said.feature("listen", Ending::listen);
    said.feature("listen-again", Ending::listenAgain);
    said.feature("notices", Ending::notices);
    said.feature("large-objects", () -> largeObject());
    said.feature("large-objects-any", () -> largeObject("where", Db.at("ANY")));
    said.feature("cancel", () -> cancelled("select pg_sleep(60)", 0));
    said.feature("cancel-streaming", () -> cancelled("select g, repeat('z', 200) from generate_series(1, 50000000) g", 1000));
    said.feature("statement-timeout", () -> timedOut(true));
    said.feature("client-timeout", () -> timedOut(false));
    said.feature("connection-lost", Ending::lost);
    said.feature("reconnect-under-load", Ending::reconnect);
    said.absent("its pool is somebody else's", "pool-reset");
    said.feature("introspection", Ending::introspection);
    said.absent("no ORM", "orm-relations", "orm-schema");
  }

  private static List<String> heard(Connection connection, int count) throws SQLException {
    List<String> notes = new ArrayList<>();
    while (notes.size() < count)
      for (PGNotification note : connection.unwrap(PGConnection.class).getNotifications(WAIT_MS)) notes.add(note.getName() + " " + note.getParameter());
    return notes;
  }

  private static Object listen() throws SQLException {
    try (Connection connection = Db.open(); Connection other = Db.open()) {
      Db.run(connection, "listen drivers");
      Db.run(other, "notify drivers, 'one'");
      Db.run(other, "notify drivers, 'two'");
      return heard(connection, 2);
    }
  }

  private static Object listenAgain() throws Exception {
    Connection gone = Db.open();
    Db.run(gone, "listen drivers");
    Said.ask("end all connections");
    String state = Said.attempt(() -> heard(gone, 1));
    try (Connection connection = Db.open(); Connection other = Db.open()) {
      Db.run(connection, "listen drivers");
      Db.run(other, "notify drivers, 'again'");
      return List.of(state, heard(connection, 1));
    }
  }

  private static Object notices() throws SQLException {
    List<String> said = new ArrayList<>();
    try (Connection connection = Db.open(); Statement statement = connection.createStatement()) {
      statement.execute("drop table if exists nothing_of_that_name");
      for (SQLWarning warning = statement.getWarnings(); warning != null; warning = warning.getNextWarning())
        said.add(warning.getSQLState() + " " + warning.getMessage());
    }
    return said;
  }

  private static Object largeObject(String... changed) throws SQLException {
    try (Connection connection = Db.open(changed)) {
      connection.setAutoCommit(false);
      LargeObjectManager manager = connection.unwrap(PGConnection.class).getLargeObjectAPI();
      long oid = manager.createLO();
      LargeObject object = manager.open(oid);
      object.write("of the large kind".getBytes());
      object.seek(3);
      String read = new String(object.read(9));
      object.close();
      manager.delete(oid);
      connection.commit();
      return read;
    }
  }

  /** Half a second after it began, or when so many rows have come. */
  private static Object cancelled(String text, int rows) throws Exception {
    try (Connection connection = Db.open()) {
      connection.setAutoCommit(false);
      try (Statement statement = connection.createStatement()) {
        // One portal that is asked for all the rest at once, so that the cancel finds it running.
        if (rows == 0) later(statement);
        String state = Said.attempt(() -> rows == 0 ? statement.execute(text) : overFlown(statement, text));
        connection.rollback();
        return List.of(state, Db.one(connection, "select 4"));
      }
    }
  }

  private static Object overFlown(Statement statement, String text) throws SQLException {
    later(statement);
    statement.setFetchSize(500);
    long seen = 0;
    try (ResultSet result = statement.executeQuery(text)) {
      while (result.next()) seen++;
    }
    return seen;
  }

  private static void later(Statement statement) {
    new Timer(true).schedule(
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
        500,
        50);
  }

  private static Object timedOut(boolean byServer) throws Exception {
    try (Connection connection = Db.open(); Statement statement = connection.createStatement()) {
      if (byServer) Db.run(connection, "set statement_timeout = 300");
      else statement.setQueryTimeout(1);
      String state = Said.attempt(() -> statement.execute("select pg_sleep(60)"));
      return List.of(state, Db.one(connection, "select 4"));
    }
  }

  private static Object lost() throws Exception {
    String state;
    boolean valid;
    try (Connection connection = Db.open()) {
      Db.clear(connection);
      connection.setAutoCommit(false);
      Db.put(connection, 1, "lost with its connection");
      Said.ask("end all connections");
      state = Said.attempt(() -> Db.one(connection, "select 1"));
      valid = connection.isValid(1);
    }
    try (Connection connection = Db.open()) {
      return List.of(state, valid, Db.notes(connection));
    }
  }

  private static Object reconnect() throws Exception {
    try (Connection connection = Db.open()) {
      Db.clear(connection);
    }
    CyclicBarrier gate = new CyclicBarrier(WORKERS + 1);
    ExecutorService workers = Executors.newFixedThreadPool(WORKERS);
    try {
      List<Future<?>> work = new ArrayList<>();
      for (int number = 0; number < WORKERS; number++) {
        int worker = number;
        work.add(workers.submit(() -> workAt(worker, gate)));
      }
      for (int round = 0; round < 3; round++) {
        gate.await();
        Said.ask("end all connections");
      }
      for (Future<?> each : work) each.get();
    } finally {
      workers.shutdownNow();
    }
    try (Connection connection = Db.open()) {
      return Db.notes(connection).size();
    }
  }

  private static Void workAt(int worker, CyclicBarrier gate) throws Exception {
    Connection connection = Db.open();
    for (int n = 0; n < EACH; n++) {
      if (n % 10 == 5 && n < 30) gate.await();
      for (boolean done = false; !done; ) {
        try {
          Db.run(connection, "insert into notes values ('pgjdbc', " + (worker * EACH + n) + ", 'once') on conflict do nothing");
          done = true;
        } catch (SQLException error) {
          connection.close();
          connection = Db.open();
        }
      }
    }
    connection.close();
    return null;
  }

  private static Object introspection() throws SQLException {
    try (Connection connection = Db.open()) {
      DatabaseMetaData about = connection.getMetaData();
      List<Object> seen = new ArrayList<>();
      seen.add(names(about.getTables(null, "public", "b%", new String[] {"TABLE"}), "TABLE_NAME"));
      seen.add(names(about.getColumns(null, "public", "books", null), "COLUMN_NAME", "TYPE_NAME", "IS_NULLABLE"));
      seen.add(names(about.getPrimaryKeys(null, "public", "books"), "COLUMN_NAME"));
      seen.add(names(about.getImportedKeys(null, "public", "books"), "PKTABLE_NAME", "FKCOLUMN_NAME"));
      seen.add(names(about.getIndexInfo(null, "public", "books", false, true), "INDEX_NAME"));
      seen.add(about.getDatabaseMajorVersion());
      return seen;
    }
  }

  private static List<String> names(ResultSet result, String... columns) throws SQLException {
    List<String> rows = new ArrayList<>();
    while (result.next()) {
      StringBuilder row = new StringBuilder();
      for (String column : columns) row.append(result.getString(column)).append(' ');
      rows.add(row.toString());
    }
    return rows;
  }
}
