import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import javax.transaction.xa.XAException;
import javax.transaction.xa.XAResource;
import javax.transaction.xa.Xid;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyManager;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;
import org.postgresql.xa.PGXADataSource;

/** pgjdbc: statements, many rows, transactions. */
final class Working {
  private static final String SERIES = "select g, repeat('y', 500) from generate_series(1, 20000) g";

  /** A feature that needs nothing but a connection. */
  private interface Use {
    Object with(Connection connection) throws Exception;
  }

  private static Said.Feature on(Use use, String... changed) {
    return () -> {
      try (Connection connection = Db.open(changed)) {
        return use.with(connection);
      }
    };
  }

  static void into(Said said) {
    said.feature("several", on(Working::several));
    said.feature("parameters", on(Working::parameters, "options", "-c TimeZone=UTC"));
    said.feature("simple", on(Working::simple, "preferQueryMode", "simple"));
    said.feature("prepared", on(Working::prepared, "prepareThreshold", "1"));
    said.feature("prepared-after-ddl", on(Working::preparedAfterDdl, "prepareThreshold", "1", "autosave", "conservative"));
    said.feature("types", on((connection) -> Db.rows(connection, "select mood, place from offices order by id")));
    said.feature("big-value", on(Working::bigValue));
    said.feature("errors", on(Working::errors));
    said.feature("batch", on(Working::batch, "reWriteBatchedInserts", "true"));
    said.feature("batch-error", on(Working::batchError));
    said.feature("pipeline", on(Working::pipeline));
    said.feature("pipeline-error", on(Working::pipelineError));
    said.feature("cursor", on((connection) -> summed(connection, "select id, '' from people order by id", 300)));
    said.absent("its cursors end with their transaction", "cursor-hold");
    said.feature("stream", on((connection) -> summed(connection, SERIES, 1000)));
    said.feature("stream-left", on(Working::left));
    said.feature("copy-in", on(Working::copyIn));
    said.feature("copy-out", on(Working::copyOut));
    said.feature("copy-binary", on(Working::copyBinary));
    said.feature("copy-bad-row", on(Working::copyBadRow));
    said.feature("copy-abandoned", on(Working::copyAbandoned));
    said.feature("transactions", on(Working::transactions));
    said.feature("savepoints", on(Working::savepoints));
    said.feature("isolation", on(Working::isolation));
    said.feature("two-phase", Working::twoPhase);
  }

  private static Object several(Connection connection) throws SQLException {
    List<Object> seen = new ArrayList<>();
    try (Statement statement = connection.createStatement()) {
      boolean more = statement.execute("select 1; select 2, 'two'; show server_encoding");
      while (more) {
        seen.add(Db.rows(statement.getResultSet()));
        more = statement.getMoreResults();
      }
    }
    return seen;
  }

  /** From the fifth time on it prepares on the server and asks for binary results. */
  private static Object parameters(Connection connection) throws SQLException {
    List<Object> seen = new ArrayList<>();
    String text = "select id, name, balance, joined, born, active, profile, raw, tags, key, span, score from people where id between ? and ? and key <> ? and tags @> ? order by id";
    try (PreparedStatement read = connection.prepareStatement(text)) {
      for (int round = 1; round <= 7; round++) {
        read.setInt(1, 5);
        read.setInt(2, 8);
        read.setObject(3, new UUID(0, 0));
        read.setArray(4, connection.createArrayOf("text", new String[] {"ü"}));
        try (ResultSet result = read.executeQuery()) {
          List<List<String>> rows = Db.rows(result);
          if (round == 1 || round == 7) seen.add(rows);
        }
      }
    }
    return seen;
  }

  private static Object simple(Connection connection) throws SQLException {
    try (PreparedStatement read = connection.prepareStatement("select name, ? from people where id = ?")) {
      read.setString(1, "it's");
      read.setInt(2, 3);
      try (ResultSet result = read.executeQuery()) {
        return Db.rows(result);
      }
    }
  }

  private static Object prepared(Connection connection) throws SQLException {
    List<String> names = new ArrayList<>();
    try (PreparedStatement read = connection.prepareStatement("select name from people where id = ?")) {
      for (int id = 1; id <= 8; id++) {
        read.setInt(1, id);
        try (ResultSet result = read.executeQuery()) {
          names.add(Db.rows(result).get(0).get(0));
        }
      }
    }
    return names;
  }

  private static Object preparedAfterDdl(Connection connection) throws Exception {
    Db.run(connection, "drop table if exists pgjdbc_ddl");
    Db.run(connection, "create table pgjdbc_ddl (id int, a text)");
    Db.run(connection, "insert into pgjdbc_ddl values (1, 'a')");
    List<Object> seen = new ArrayList<>();
    try (PreparedStatement read = connection.prepareStatement("select * from pgjdbc_ddl")) {
      seen.add(Db.rows(read.executeQuery()));
      seen.add(Db.rows(read.executeQuery()));
      Db.run(connection, "alter table pgjdbc_ddl add column b int default 7");
      seen.add(Said.attempt(() -> Db.rows(read.executeQuery())));
      connection.setAutoCommit(false);
      Db.run(connection, "alter table pgjdbc_ddl add column c int");
      seen.add(Said.attempt(() -> Db.rows(read.executeQuery())));
      connection.commit();
      connection.setAutoCommit(true);
    }
    Db.run(connection, "drop table pgjdbc_ddl");
    return seen;
  }

  private static Object bigValue(Connection connection) throws SQLException {
    Db.clear(connection);
    Db.put(connection, 1, "x".repeat(8_000_000));
    int back = Db.notes(connection).get(0).get(1).length();
    Db.clear(connection);
    return back;
  }

  private static Object errors(Connection connection) throws SQLException {
    Db.clear(connection);
    Db.put(connection, 1, "");
    try {
      return Db.put(connection, 1, "");
    } catch (PSQLException error) {
      ServerErrorMessage message = error.getServerErrorMessage();
      return List.of(error.getSQLState(), message.getSeverity(), message.getTable(), message.getConstraint(), message.getDetail());
    }
  }

  private static int[] batched(Connection connection, int... numbers) throws SQLException {
    try (PreparedStatement insert = connection.prepareStatement(Db.INSERT)) {
      for (int n : numbers) {
        insert.setInt(1, n);
        insert.setString(2, "row");
        insert.addBatch();
      }
      return insert.executeBatch();
    }
  }

  private static Object batch(Connection connection) throws SQLException {
    Db.clear(connection);
    int[] numbers = new int[700];
    for (int n = 0; n < numbers.length; n++) numbers[n] = n;
    return List.of(batched(connection, numbers).length, Db.notes(connection).size());
  }

  private static Object batchError(Connection connection) throws Exception {
    Db.clear(connection);
    return List.of(Said.attempt(() -> batched(connection, 1, 2, 3, 3, 4).length), Db.notes(connection), Db.one(connection, "select 5"));
  }

  /** A batch of different statements goes out together. */
  private static Object pipeline(Connection connection) throws SQLException {
    Db.clear(connection);
    try (Statement statement = connection.createStatement()) {
      for (int n = 0; n < 100; n++) statement.addBatch("insert into notes values ('pgjdbc', " + n + ", 'in flight')");
      return List.of(Arrays.stream(statement.executeBatch()).sum(), Db.notes(connection).size());
    }
  }

  private static Object pipelineError(Connection connection) throws Exception {
    Db.clear(connection);
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      for (String n : List.of("1", "2", "1 / 0", "3")) statement.addBatch("insert into notes values ('pgjdbc', " + n + ", 'in flight')");
      List<Object> seen = new ArrayList<>(List.of(Said.attempt(statement::executeBatch), Said.attempt(() -> Db.one(connection, "select 1"))));
      connection.rollback();
      seen.add(Db.notes(connection));
      return seen;
    }
  }

  private static Object summed(Connection connection, String text, int size) throws SQLException {
    connection.setAutoCommit(false);
    long total = 0;
    try (Statement statement = connection.createStatement()) {
      statement.setFetchSize(size);
      try (ResultSet result = statement.executeQuery(text)) {
        while (result.next()) total += result.getInt(1) + result.getString(2).length();
      }
    }
    connection.commit();
    return total;
  }

  private static Object left(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    List<Object> seen = new ArrayList<>();
    try (Statement statement = connection.createStatement()) {
      statement.setFetchSize(10);
      try (ResultSet result = statement.executeQuery(SERIES)) {
        for (int n = 0; n < 3 && result.next(); n++) seen.add(result.getInt(1));
      }
    }
    seen.add(Db.one(connection, "select 4"));
    return seen;
  }

  private static CopyManager copies(Connection connection) throws SQLException {
    return connection.unwrap(PGConnection.class).getCopyAPI();
  }

  private static final String COPY_IN = "copy notes (driver, n, body) from stdin";

  private static Object copyIn(Connection connection) throws Exception {
    Db.clear(connection);
    StringBuilder lines = new StringBuilder();
    for (int n = 0; n < 2000; n++) lines.append("pgjdbc\t").append(n).append(n % 2 == 0 ? "\t\\N\n" : "\tline " + n + "\n");
    long taken = copies(connection).copyIn(COPY_IN, new StringReader(lines.toString()));
    return List.of(taken, Db.notes(connection).subList(1998, 2000));
  }

  private static Object copyOut(Connection connection) throws Exception {
    StringWriter out = new StringWriter();
    long rows = copies(connection).copyOut("copy people (id, name, tags, raw) to stdout (format csv, header)", out);
    String text = out.toString();
    return List.of(rows, text.length(), text.substring(0, 80), text.substring(text.length() - 60));
  }

  private static Object copyBinary(Connection connection) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    copies(connection).copyOut("copy people (id, name, raw) to stdout (format binary)", out);
    Db.run(connection, "drop table if exists pgjdbc_copied");
    Db.run(connection, "create table pgjdbc_copied (id int, name text, raw bytea)");
    long taken = copies(connection).copyIn("copy pgjdbc_copied from stdin (format binary)", new ByteArrayInputStream(out.toByteArray()));
    String same = Db.one(connection, "select count(*) from pgjdbc_copied join people using (id, name, raw)");
    Db.run(connection, "drop table pgjdbc_copied");
    return List.of(out.size(), taken, same);
  }

  private static Object copyBadRow(Connection connection) throws Exception {
    Db.clear(connection);
    StringReader lines = new StringReader("pgjdbc\t1\tfine\npgjdbc\tnot a number\tbad\n");
    return List.of(Said.attempt(() -> copies(connection).copyIn(COPY_IN, lines)), Db.notes(connection));
  }

  private static Object copyAbandoned(Connection connection) throws Exception {
    Db.clear(connection);
    CopyIn copy = copies(connection).copyIn(COPY_IN);
    byte[] line = "pgjdbc\t1\tfine\n".getBytes(StandardCharsets.UTF_8);
    copy.writeToCopy(line, 0, line.length);
    copy.cancelCopy();
    return List.of(Db.notes(connection), Db.one(connection, "select 5"));
  }

  private static Object transactions(Connection connection) throws Exception {
    Db.clear(connection);
    connection.setAutoCommit(false);
    Db.put(connection, 1, "kept");
    connection.commit();
    Db.put(connection, 2, "lost");
    List<Object> seen = new ArrayList<>(List.of(Said.attempt(() -> Db.one(connection, "select 1 / 0")), Said.attempt(() -> Db.one(connection, "select 1"))));
    connection.rollback();
    seen.add(Db.notes(connection));
    return seen;
  }

  private static Object savepoints(Connection connection) throws Exception {
    Db.clear(connection);
    connection.setAutoCommit(false);
    Db.put(connection, 1, "kept");
    Savepoint savepoint = connection.setSavepoint();
    String twice = Said.attempt(() -> Db.put(connection, 1, "twice"));
    connection.rollback(savepoint);
    Db.put(connection, 2, "kept");
    connection.commit();
    return List.of(twice, Db.notes(connection));
  }

  private static Object isolation(Connection connection) throws Exception {
    connection.setAutoCommit(false);
    connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
    connection.setReadOnly(true);
    String level = Db.one(connection, "show transaction_isolation");
    return List.of(level, Said.attempt(() -> Db.put(connection, 9, "never")));
  }

  /** By XA, as a transaction manager does it. */
  private static Object twoPhase() throws Exception {
    PGXADataSource source = new PGXADataSource();
    source.setUrl("jdbc:postgresql://" + Db.at("ANY") + "/" + Db.env("PGDATABASE") + "?sslmode=verify-full");
    source.setSslRootCert(Db.env("PGSSLROOTCERT"));
    source.setUser(Db.env("PGUSER"));
    source.setPassword(Db.env("PGPASSWORD"));
    var both = source.getXAConnection();
    try (Connection connection = both.getConnection()) {
      Db.clear(connection);
      XAResource resource = both.getXAResource();
      for (int n = 1; n <= 2; n++) {
        Xid xid = new Branch(n);
        resource.start(xid, XAResource.TMNOFLAGS);
        Db.put(connection, n, "in two phases");
        resource.end(xid, XAResource.TMSUCCESS);
        resource.prepare(xid);
        if (n == 1) resource.commit(xid, false);
        else resource.rollback(xid);
      }
      return Db.notes(connection);
    } catch (XAException error) {
      throw new SQLException(Said.textOf(error), error);
    } finally {
      both.close();
    }
  }

  private record Branch(int n) implements Xid {
    @Override
    public int getFormatId() {
      return 42;
    }

    @Override
    public byte[] getGlobalTransactionId() {
      return ("pgjdbc " + n).getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public byte[] getBranchQualifier() {
      return "branch".getBytes(StandardCharsets.UTF_8);
    }
  }
}
